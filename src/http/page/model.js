// === What the page knows. Every list has a limit: a page may stay open for days. ===

const WINDOW_MS = 15 * 60_000;
const MOST_SUPERVISION = 100;
const MOST_ROWS = 200;

const model = {
  /** `connecting`, `live`, `polling`, `lost` or `refused`. */
  connection: { state: "connecting", heardAt: null, error: null, nextTryAt: null },
  /** The newest status document. */
  status: null,
  /** The last 15 minutes of this replica's host, oldest first, restarts included. */
  slots: [],
  supervision: [],
  ledgerHasRows: false,
};

/** The machine without the process: a restart goes on where it was, another machine starts anew. */
const hostOf = (replica) => String(replica ?? "").replace(/\/[^/]*$/, "");

function learnStatus(status) {
  learnClock(status.timestamp);
  if (model.status && hostOf(model.status.replica) !== hostOf(status.replica)) {
    model.slots = [];
    model.supervision = [];
  }
  model.status = status;
  for (const slot of status.recent.slots) learnSlot({ ...slot, ms: Date.parse(slot.at), length: status.recent.slot_seconds * 1000, replica: status.replica });
  const oldest = Date.parse(status.timestamp) - WINDOW_MS - 10_000;
  model.slots = model.slots.filter((slot) => slot.ms >= oldest);
  for (const entry of [...status.supervision].reverse()) learnSupervision(entry);
}

/** The same slot may come again with more in it, its time a few milliseconds off. */
function learnSlot(slot) {
  const half = slot.length / 2;
  let at = model.slots.length;
  while (at > 0 && model.slots[at - 1].ms > slot.ms + half) at -= 1;
  const before = model.slots[at - 1];
  const isSame = before && before.replica === slot.replica && Math.abs(before.ms - slot.ms) < half;
  if (isSame) model.slots[at - 1] = slot;
  else model.slots.splice(at, 0, slot);
}

const sameEntry = (one, other) =>
  one.at === other.at && one.message === other.message && one.actor === other.actor && one.event_id === other.event_id;

function learnSupervision(entry) {
  if (model.supervision.some((known) => sameEntry(known, entry))) return;
  model.supervision.unshift(entry);
  model.supervision.sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  model.supervision.length = Math.min(model.supervision.length, MOST_SUPERVISION);
}

/** Slots that are over: the last one still fills. */
const finishedSlots = () => model.slots.slice(0, -1);

/** A sum over the last `ms`, the slot that still fills included. */
function lately(ms, value) {
  const from = serverNow() - ms;
  return model.slots.filter((slot) => slot.ms + slot.length > from).reduce((sum, slot) => sum + value(slot), 0);
}

/** Per second over the last half minute of finished slots; none while there are none. */
function rateOf(value) {
  const slots = finishedSlots().slice(-6);
  const recent = slots.filter((slot) => slot.ms > serverNow() - 45_000);
  const seconds = recent.reduce((sum, slot) => sum + slot.length / 1000, 0);
  return seconds ? recent.reduce((sum, slot) => sum + value(slot), 0) / seconds : null;
}

const itemsOf = (slot) => slot.success + slot.error + slot.rejected;
const eventsOf = (slot) => slot.stored + slot.dead_lettered + slot.retried;

const allActors = (status) => (status?.rooms ?? []).flatMap((stage) => stage.actors);
const restartsOf = (actor) => Object.values(actor.restarts ?? {}).reduce((sum, number) => sum + number, 0);

/** Whether anything was ever stored: lately here, or in the ledger. */
const everStored = () => model.ledgerHasRows || model.slots.some((slot) => eventsOf(slot) > 0);
