// === What the page knows. Every list has a limit: a page may stay open for days. ===

const MOST_SUPERVISION = 100;
const MOST_ROWS = 200;

const model = {
  /** `connecting`, `live`, `polling`, `lost` or `refused`. */
  connection: { state: "connecting", heardAt: null, error: null, nextTryAt: null },
  /** The newest status document. */
  status: null,
  supervision: [],
};

/** The machine without the process: a restart goes on where it was, another machine starts anew. */
const hostOf = (replica) => String(replica ?? "").replace(/\/[^/]*$/, "");

function learnStatus(status) {
  learnClock(status.timestamp);
  const isAnother = Boolean(model.status) && hostOf(model.status.replica) !== hostOf(status.replica);
  if (isAnother) model.supervision = [];
  model.status = status;
  fromPipelines("learn", status, isAnother);
  for (const entry of [...status.supervision].reverse()) learnSupervision(entry);
}

const sameEntry = (one, other) =>
  one.at === other.at && one.message === other.message && one.actor === other.actor && one.event_id === other.event_id;

function learnSupervision(entry) {
  if (model.supervision.some((known) => sameEntry(known, entry))) return;
  model.supervision.unshift(entry);
  model.supervision.sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  model.supervision.length = Math.min(model.supervision.length, MOST_SUPERVISION);
}

const allActors = (status) => (status?.rooms ?? []).flatMap((stage) => stage.actors);
const restartsOf = (actor) => Object.values(actor.restarts ?? {}).reduce((sum, number) => sum + number, 0);

// === What pipelines add ===

/**
 * Each pipeline with something to show adds an object of functions; what it leaves out is not there. `stages`, `roles`
 * and `names` are words; `before` says which dependency stands before which stage; `source` is the dependency at which
 * events wait, and `entry` the stage that takes them.
 */
const pipelines = [];

/** What all of them answer, in order. */
const fromPipelines = (name, ...given) => pipelines.flatMap((one) => one[name]?.(...given) ?? []);

/** A word of one of them. */
const wordOf = (words, name) => pipelines.map((one) => one[words]?.[name]).find(Boolean);

const dependencyName = (name) => wordOf("names", name) ?? name;
