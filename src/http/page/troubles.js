// === Dead letters and supervision ===

const DEAD_PAGE = 20;
const SUPERVISION_SHOWN = 30;
const LEVEL_SIGNS = { ERROR: "✕", WARN: "▲", INFO: "·" };

let deadReason = null;
let deadShown = DEAD_PAGE;

const deadLetters = new Panel("dead-panel", () => get("dead-letters", { reason: deadReason, limit: deadShown }), showDeadLetters);

function showDeadLetters({ since: from, queue_messages: queued, reasons, dead_letters: letters, next }) {
  const place = byId("dead");
  say(byId("dead-scope"), `this replica, since ${clock(from)}`);
  let parts = place.querySelector(".reasons-list");
  if (!parts) {
    const list = table("Dead letters, newest first", [["at", ""], ["event", ""], ["reason and detail", ""]], "dead");
    parts = el("ul", { class: "reasons-list", "aria-label": "Dead letters by reason" });
    place.replaceChildren(el("p", { class: "sum" }), parts, el("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Dead letters" }, list.whole), el("button", { type: "button", class: "quiet", onclick: moreDeadLetters }, "Older dead letters"));
  }
  const total = reasons.reduce((sum, one) => sum + one.count, 0);
  const inQueue = queued === null ? "How many the queue holds now is unknown." : `The dead-letter queue holds ${counted(queued, "message")} now.`;
  const seen = total ? `${counted(total, "event")} dead-lettered since the start.` : "None since the start.";
  say(place.firstChild, `${seen} ${inQueue}`);
  keep(parts, reasons, (one) => one.reason, (one) =>
    el("li", {}, el("button", { type: "button", class: "chip", onclick: () => chooseReason(one.reason) })), (item, one) => {
    say(item.firstChild, `${one.reason} ${count(one.count)}`);
    mark(item.firstChild, "aria-pressed", one.reason === deadReason);
  });
  const [, , scroller, more] = place.children;
  scroller.hidden = letters.length === 0;
  more.hidden = !next || deadShown >= MOST_ROWS;
  keep(scroller.firstChild.tBodies[0], letters, (letter) => `${letter.at} ${letter.event_id} ${letter.reason} ${letter.detail}`, makeDeadLetter);
}

function makeDeadLetter(letter) {
  return el("tr", { "data-event": letter.event_id },
    el("td", {}, moment(letter.at)),
    el("th", { scope: "row" }, letter.event_id === null ? entryButton("no id", "Dead letter without an event id", letter) : eventLink(letter.event_id)),
    el("td", {}, el("strong", {}, letter.reason), " ", el("span", { class: "detail" }, letter.detail)));
}

function chooseReason(reason) {
  deadReason = deadReason === reason ? null : reason;
  deadLetters.about = deadReason;
  deadLetters.refresh();
}

function moreDeadLetters() {
  deadShown = Math.min(MOST_ROWS, deadShown * 2);
  deadLetters.refresh();
}

// === Supervision ===

function showSupervision() {
  const place = byId("supervision");
  const entries = model.supervision.slice(0, SUPERVISION_SHOWN);
  if (entries.length === 0) {
    place.replaceChildren(empty("No actor has failed since the start."));
    return;
  }
  let list = place.querySelector("ol");
  if (!list) {
    list = el("ol", { class: "log" });
    place.replaceChildren(el("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Supervision" }, list));
  }
  keep(list, entries, (entry) => `${entry.at} ${entry.actor} ${entry.event_id} ${entry.message}`, makeSupervision);
}

function makeSupervision(entry) {
  const facts = [
    entry.cause && `cause ${entry.cause}`,
    entry.restarts !== null && `${counted(entry.restarts, "restart")}`,
    entry.delay_ms !== null && `again in ${milliseconds(entry.delay_ms)}`,
    entry.fate && `event ${entry.fate}`,
  ].filter(Boolean).join(" · ");
  const who = entry.event_id === null
    ? entryButton(entry.actor ?? "the pipeline", entry.message, entry)
    : eventLink(entry.event_id);
  return el("li", { "data-level": entry.level },
    el("p", {}, moment(entry.at), " ", levelOf(entry), " ", entry.event_id === null ? null : `${entry.actor ?? ""} `, who),
    el("p", {}, entry.message, entry.error ? `: ${entry.error}` : ""),
    facts ? el("p", { class: "facts" }, facts) : null);
}

const levelOf = ({ level }) => el("span", { class: "level" }, `${LEVEL_SIGNS[level] ?? "·"} ${String(level).toLowerCase()}`);

/** An entry that belongs to no event opens too: with all that is known of it. */
function entryButton(text, title, entry) {
  return el("button", { type: "button", class: "opener", onclick: () => openEntry(title, entry) }, text);
}
