// === Whether all is well, and if not, where: the first thing to see ===

const SIGNS = { ok: "✓", warn: "!", bad: "✕", old: "‖", unknown: "…" };
const FAVICON_COLOURS = { ok: "#1f8a54", warn: "#c98500", bad: "#c62f2f", old: "#77808a", unknown: "#77808a" };

/** `{level, title, detail, reasons}` of what the page knows. */
function outcomeOf({ connection, status }) {
  if (connection.state === "refused") {
    return { level: "unknown", title: "A token is needed", detail: "The service answers and wants a token before it shows anything.", reasons: [] };
  }
  if (connection.state === "lost") return disconnected(connection, status);
  if (!status) return { level: "unknown", title: "Connecting …", detail: "Asking the service how it is.", reasons: [] };
  const reasons = reasonsOf(status);
  const worst = reasons.find((reason) => reason.level === "bad") ?? reasons[0];
  if (!worst) return allIsWell(status);
  return { level: worst.level, title: worst.title, detail: worst.detail, reasons: reasons.filter((reason) => reason !== worst) };
}

function disconnected(connection, status) {
  const wait = Math.max(0, Math.ceil((connection.nextTryAt - Date.now()) / 1000));
  const again = wait > 0 ? `Trying again in ${wait} s.` : "Trying again now.";
  if (!status) {
    const detail = `${connection.error} ${again} Is \`millrace run\` up, and does METRICS_PORT lead to it?`;
    return { level: "old", title: "Not connected", detail, reasons: [] };
  }
  const heard = new Date(connection.heardAt).toISOString();
  return {
    level: "old",
    title: `Disconnected since ${clock(heard)} (${span(Date.now() - connection.heardAt)})`,
    detail: `What is shown is from then: it is old. ${connection.error} ${again}`,
    reasons: [],
  };
}

const JUST_STARTED = 10_000;

/** In its first seconds nothing was asked yet, so nothing is wrong yet. */
const isStarting = (status) =>
  status.live.ok && !status.consuming.ok && Date.parse(status.timestamp) - Date.parse(status.started_at) < JUST_STARTED;

/** All that is wrong, the worst first. */
function reasonsOf(status) {
  const reasons = [];
  if (isStarting(status)) {
    return [{ level: "unknown", title: "Starting", detail: sentence(status.consuming.why ?? "it does not consume yet") }];
  }
  if (!status.live.ok) {
    reasons.push({ level: "bad", title: "Stuck: no progress", detail: `${sentence(status.live.why ?? "no reason was given")} Kubernetes restarts it by /livez; by hand: look for the last lines of its log, then restart it.` });
  }
  for (const dependency of status.dependencies.filter((one) => !one.ok)) {
    const title = `${dependencyName(dependency.name)} has been down ${since(dependency.since)}`;
    const held = status.inflight.events ? `${counted(status.inflight.events, "event")} held; ` : "";
    reasons.push({ level: "bad", title, detail: `${sentence(dependency.why ?? "no answer")} ${held}nothing is lost, and it goes on by itself when ${dependencyName(dependency.name)} is back.` });
  }
  for (const actor of allActors(status).filter((one) => one.state === "gave_up")) {
    reasons.push({ level: "bad", title: `${actor.name} gave up ${since(actor.since)}`, detail: `${sentence(actor.last_error ?? "it failed too often")} The process drains and ends with code 70.` });
  }
  if (!status.consuming.ok) {
    reasons.push({ level: reasons.length ? "warn" : "bad", title: `Not consuming ${since(status.consuming.since)}`, detail: sentence(status.consuming.why ?? "no reason was given") });
  }
  for (const actor of allActors(status).filter((one) => one.state === "down")) {
    reasons.push({ level: "warn", title: `${actor.name} has been down ${since(actor.since)}`, detail: sentence(actor.last_error ?? "it is being rebuilt") });
  }
  for (const alert of status.alerts) {
    reasons.push({ level: "warn", title: `Alert ${alert.rule} ${since(alert.since)}`, detail: sentence(alert.summary) });
  }
  return reasons.sort((a, b) => (a.level === "bad" ? 0 : 1) - (b.level === "bad" ? 0 : 1));
}

function allIsWell(status) {
  const stored = lately(WINDOW_MS, (slot) => slot.stored);
  const dead = lately(WINDOW_MS, (slot) => slot.dead_lettered);
  if (stored + dead === 0) {
    const detail = everStored() ? "Consuming; nothing arrived in the last 15 min." : "Consuming and waiting for the first event.";
    return { level: "ok", title: "All is well, and quiet", detail, reasons: [] };
  }
  const last = model.slots.findLast((slot) => slot.stored > 0);
  const quiet = last ? serverNow() - last.ms - last.length : 0;
  const ago = quiet > 10_000 ? `, the last one ${span(quiet)} ago` : "";
  const letters = dead ? `${counted(dead, "event")} went to the dead letters.` : "No dead letters.";
  const up = `Up ${span(serverNow() - Date.parse(status.started_at))}.`;
  return { level: "ok", title: "All is well", detail: `${counted(stored, "event")} stored in the last 15 min${ago}. ${letters} ${up}`, reasons: [] };
}

// === Showing it ===

let lastSaid = "";

function showOutcome() {
  const outcome = outcomeOf(model);
  mark(byId("outcome"), "data-level", outcome.level);
  mark(document.documentElement, "data-level", outcome.level);
  say(byId("outcome-sign"), SIGNS[outcome.level]);
  say(byId("outcome-title"), outcome.title);
  say(byId("outcome-detail"), outcome.detail);
  keep(byId("outcome-reasons"), outcome.reasons, (reason) => reason.title.replace(/ \(.*/, ""), () => el("li", {}, el("strong"), " ", el("span")), (item, reason) => {
    say(item.firstChild, `${SIGNS[reason.level]} ${reason.title}`);
    say(item.lastChild, reason.detail);
  });
  showTab(outcome);
  // How long it has lasted changes each second and is not news.
  const news = outcome.title.replace(/ \([^)]*\)$/, "");
  if (news !== lastSaid) {
    lastSaid = news;
    announce(news);
  }
}

/** The tab tells it too, by its shape and by its colour. */
function showTab({ level, title }) {
  const name = level === "ok" ? "millrace" : `${SIGNS[level]} ${title.replace(/ \([^)]*\)$/, "")} · millrace`;
  if (document.title !== name) document.title = name;
  const shape = {
    ok: "<circle cx='8' cy='8' r='7'/>",
    warn: "<path d='M8 1 15.5 15H.5z'/>",
    bad: "<path d='M4.5 0h7L16 4.5v7L11.5 16h-7L0 11.5v-7z'/>",
  }[level] ?? "<path d='M2 1h4v14H2zM10 1h4v14h-4z'/>";
  const image = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='${FAVICON_COLOURS[level]}'>${shape}</svg>`;
  mark(byId("favicon"), "href", `data:image/svg+xml,${encodeURIComponent(image)}`);
}

function showConnection() {
  const { connection, status } = model;
  const words = {
    connecting: "connecting …",
    live: "● live",
    polling: "◐ every 5 s: too many live pages are open",
    lost: "○ disconnected",
    refused: "○ token needed",
  };
  mark(byId("connection"), "data-state", connection.state);
  say(byId("connection"), words[connection.state]);
  say(byId("who"), status ? `${status.version} · ${status.replica}` : "");
  say(byId("foot"), `Times are ${zone()}. Also here: /api/v1/openapi.json, /metrics, /health, /readyz, /livez.`);
}

// === Key figures ===

function showFigures() {
  const { status } = model;
  if (!status) return;
  const latest = finishedSlots().findLast((slot) => slot.p50_ms !== null && slot.ms > serverNow() - 120_000);
  const platforms = status.rates.platforms;
  const items = platforms.reduce((sum, one) => sum + one.success + one.error + one.rejected, 0);
  const good = platforms.reduce((sum, one) => sum + one.success, 0);
  const dead = lately(WINDOW_MS, (slot) => slot.dead_lettered);
  const retried = lately(WINDOW_MS, (slot) => slot.retried);
  const figures = [
    ["events", "Events stored", `${rate(rateOf((slot) => slot.stored))}/s`, `${count(lately(WINDOW_MS, (slot) => slot.stored))} in 15 min`],
    ["items", "Items", `${rate(rateOf(itemsOf))}/s`, `${count(lately(WINDOW_MS, itemsOf))} in 15 min`],
    ["latency", "Latency p50", milliseconds(latest?.p50_ms), `p95 ${milliseconds(latest?.p95_ms)}`],
    ["success", "Success rate", items ? percent((100 * good) / items) : "–", items ? platforms.map((one) => `${one.platform} ${percent(one.success_percent)}`).join(" · ") : "no items in 5 min"],
    ["inflight", "In flight", count(status.inflight.events), `of ${count(status.inflight.prefetch)} · ${status.queues.waiting === null ? "queue unknown" : `${count(status.queues.waiting)} in the queue`}`],
    ["dead", "Dead-lettered", count(dead), `in 15 min · ${count(retried)} retried`, dead > 0 ? "warn" : ""],
  ];
  keep(byId("figures"), figures, ([key]) => key, () => el("div", {}, el("dt"), el("dd", { class: "value" }), el("dd", { class: "aside" })), (tile, [key, name, value, aside, level]) => {
    mark(tile, "data-figure", key);
    mark(tile, "class", level ?? "");
    const [title, figure, more] = tile.children;
    say(title, name);
    say(figure, value);
    say(more, aside);
  });
}
