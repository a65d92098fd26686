// === The pipeline as a picture: what stands where, how it is, what waits before it ===

const STATES = {
  up: { sign: "●", word: "up", level: "ok" },
  starting: { sign: "◐", word: "starting", level: "warn" },
  down: { sign: "✕", word: "down", level: "bad" },
  gave_up: { sign: "■", word: "gave up", level: "bad" },
  drained: { sign: "○", word: "drained", level: "idle" },
};
/** What the service says of a dependency before its first answer. */
const NOT_ASKED = "not asked yet";
/** More actors than this in a stage: those that are up and have nothing to do are summed up. */
const MOST_ACTORS = 12;

function showPipeline() {
  const { status } = model;
  if (!status) return;
  const dependencies = status.dependencies.map((one) => ({ key: one.name, dependency: one, before: wordOf("before", one.name) }));
  const stands = (name) => dependencies.filter((one) => one.before === name);
  const stages = status.rooms.flatMap((stage) => [...stands(stage.name), { key: stage.name, stage }]);
  const stops = [...stages, ...dependencies.filter((one) => !stages.includes(one))];
  const pipeline = byId("pipeline");
  mark(pipeline, "data-flow", status.consuming.ok ? "open" : "closed");
  keep(pipeline, [...stops, { key: "inflight" }], (stop) => stop.key, makeStop, (item, stop) => {
    if (stop.stage) showStage(item, stop.stage, status);
    else if (stop.dependency) showDependency(item, stop.dependency, status.queues);
    else showInflight(item, status.inflight);
  });
}

function makeStop(stop) {
  if (stop.stage) {
    const columns = [["actor", ""], ["waiting", "number"], ["restarts", "number"]];
    const actors = table(`Actors of ${stop.key}`, columns, "actors");
    return el("li", { class: "stop stage", "data-stop": stop.key },
      el("h3", {}, wordOf("stages", stop.key) ?? stop.key), el("p", { class: "paused" }), actors.whole, el("p", { class: "more" }));
  }
  if (stop.key === "inflight") {
    return el("li", { class: "inflight" }, el("h3", {}, "In flight"), gauge("events"), gauge("bytes"));
  }
  return el("li", { class: "stop dependency", "data-stop": stop.key },
    el("h3", {}, dependencyName(stop.key)), el("p", { class: "role" }),
    el("p", { class: "state" }), el("p", { class: "since" }), el("p", { class: "why" }));
}

const gauge = (name) => el("div", { class: "gauge", "data-gauge": name }, el("span", { class: "label" }), bar(0));

function showDependency(item, { name, ok, why, since: from }, queues) {
  const level = ok === null || why === NOT_ASKED ? "unknown" : ok ? "ok" : "bad";
  mark(item, "data-level", level);
  const [, role, state, time, detail] = item.children;
  const waits = pipelines.some((one) => one.source === name) && queues.waiting !== null;
  say(role, waits ? `${counted(queues.waiting, "event")} waiting` : wordOf("roles", name) ?? "");
  say(state, { ok: "● answers", bad: "✕ does not answer", unknown: "… not asked yet" }[level]);
  say(time, from ? since(from) : "");
  say(detail, why ?? "");
  detail.title = why ?? "";
}

function showStage(item, stage, status) {
  const actors = stage.actors;
  const bad = actors.some((actor) => STATES[actor.state]?.level === "bad");
  const starting = actors.some((actor) => STATES[actor.state]?.level === "warn");
  const paused = pipelines.some((one) => one.entry === stage.name) && !status.consuming.ok;
  mark(item, "data-level", bad ? "bad" : starting || paused ? "warn" : "ok");
  const [title, pause, whole, more] = item.children;
  say(title, `${wordOf("stages", stage.name) ?? stage.name}${actors.length > 1 ? ` ×${actors.length}` : ""}`);
  say(pause, paused ? `‖ not consuming ${since(status.consuming.since)}` : "");
  const shown = actors.length <= MOST_ACTORS ? actors : actors.filter(isNotable).slice(0, MOST_ACTORS);
  const left = actors.length - shown.length;
  say(more, left ? `and ${counted(left, "actor")} more, up and idle` : "");
  keep(whole.tBodies[0], shown, (actor) => actor.name, makeActor, showActor);
}

const isNotable = (actor) => actor.state !== "up" || actor.mailbox_depth > 0 || restartsOf(actor) > 0;

function makeActor() {
  return el("tr", {},
    el("th", { scope: "row" }, el("span", { class: "sign", "aria-hidden": "true" }), el("span", { class: "name" }), el("span", { class: "word" })),
    el("td", { class: "number" }), el("td", { class: "number" }));
}

function showActor(row, actor) {
  const state = STATES[actor.state] ?? { sign: "?", word: actor.state, level: "warn" };
  mark(row, "data-level", state.level);
  mark(row, "data-actor", actor.name);
  const [head, waiting, restarts] = row.children;
  const [sign, name, word] = head.children;
  say(sign, state.sign);
  say(name, actor.name);
  const plain = actor.state === "up";
  word.className = plain ? "word hidden" : "word";
  say(word, ` ${state.word}${plain ? "" : ` for ${span(serverNow() - Date.parse(actor.since))}`}`);
  row.title = actor.last_error ? `last error: ${actor.last_error}` : "";
  say(waiting, count(actor.mailbox_depth));
  waiting.classList.toggle("some", actor.mailbox_depth > 0);
  const causes = Object.entries(actor.restarts ?? {});
  say(restarts, count(restartsOf(actor)));
  restarts.classList.toggle("some", causes.length > 0);
  restarts.title = causes.map(([cause, number]) => `${cause}: ${number}`).join(", ");
}

function showInflight(item, { events, prefetch, bytes: used, budget_bytes: budget }) {
  const show = (name, text, part) => {
    const place = item.querySelector(`[data-gauge=${name}]`);
    say(place.firstChild, text);
    place.lastChild.firstChild.style.width = `${Math.min(100, 100 * part)}%`;
  };
  show("events", `${counted(events, "event")} of ${count(prefetch)} (prefetch)`, prefetch ? events / prefetch : 0);
  show("bytes", `${bytes(used)} of ${bytes(budget)} (memory budget)`, budget ? used / budget : 0);
}
