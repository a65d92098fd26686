// === Recent batches, with a search ===

const BATCH_PAGE = 30;
const MOST_BATCHES = 200;
/** Events that arrive while the reader holds the list; more are found by asking again. */
const MOST_WAITING = 200;
const SEARCH_PAUSE = 250;
/** An answer of the ledger is no older than this. */
const YOUNG = 15_000;

let batchList = [];
let batchNext = null;
let waitingBatches = [];
let held = false;
let searchTimer = null;

const query = () => byId("query").value.trim();

const batches = new Panel("batches-panel", () => get("batches", { limit: BATCH_PAGE, q: query() }), (answer) => {
  const known = new Set(answer.batches.map((batch) => batch.event_id));
  // The answer may be older than the news: what was just heard of stays.
  const news = query() ? [] : batchList.filter((batch) => batch.heardAt > Date.now() - YOUNG && !known.has(batch.event_id));
  news.forEach((batch) => known.add(batch.event_id));
  answer.batches.unshift(...news);
  // Pages that were asked for by hand stay as long as the question is the same.
  const older = batchList.filter((batch) => !known.has(batch.event_id));
  const extended = batchList.length > BATCH_PAGE && batches.shownFor === query();
  batchList = extended ? [...answer.batches, ...older].slice(0, MOST_BATCHES) : answer.batches;
  if (!extended) batchNext = answer.next;
  if (batches.shownFor !== query()) mark(byId("batches"), "data-query", query());
  batches.shownFor = query();
  if (answer.batches.length > 0 && !query()) ledgerHasRows = true;
  waitingBatches = query() ? [] : waitingBatches.filter((batch) => !known.has(batch.event_id));
  showBatches();
});

/** A batch from the stream: shown at once, unless the reader searches or holds the list. */
function batchStored(stored) {
  ledgerHasRows = true;
  if (query() || waitingBatches.some((batch) => batch.event_id === stored.event_id)) return;
  waitingBatches.unshift({ ...stored, committed_at: stored.at, heardAt: Date.now() });
  waitingBatches.length = Math.min(waitingBatches.length, MOST_WAITING);
}

function takeWaitingBatches() {
  showHold();
  if (waitingBatches.length === 0 || isHeld() || query()) return;
  const fresh = new Set(waitingBatches.map((batch) => batch.event_id));
  const older = batchList.filter((batch) => !fresh.has(batch.event_id));
  batchList = [...waitingBatches, ...older].slice(0, Math.max(BATCH_PAGE, Math.min(MOST_BATCHES, batchList.length)));
  waitingBatches = [];
  showBatches();
}

/** Rows do not move away under a pointer or a focus. */
const isHeld = () => held || byId("story").open || byId("batches").matches(":hover, :focus-within");

function showHold() {
  const waiting = waitingBatches.length;
  const many = waiting >= MOST_WAITING ? `${waiting}+` : waiting;
  mark(byId("hold"), "aria-pressed", held);
  say(byId("hold"), held ? `Held, ${many} new: go on` : isHeld() && waiting ? `Hold (${many} new wait)` : "Hold");
}

const BATCH_COLUMNS = [["stored at", ""], ["event", ""], ["job", ""], ["platform", ""], ["items", "number"], ["errors", "number"], ["rejected", "number"]];

function showBatches() {
  const place = byId("batches");
  if (batchList.length === 0) {
    place.replaceChildren(query()
      ? empty(`No stored batch whose event, job or project id begins with “${query()}”. `, el("a", { href: eventHash(query()) }, "Ask this replica about the event of that id"), ".")
      : empty("Nothing has arrived yet. ", howToPublish()));
    return;
  }
  let whole = place.querySelector("table");
  if (!whole) {
    whole = table("Stored batches, newest first", BATCH_COLUMNS, "batches").whole;
    place.replaceChildren(el("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Batches" }, whole), el("button", { type: "button", class: "quiet", onclick: moreBatches }, "Older batches"));
  }
  place.lastChild.hidden = !batchNext || batchList.length >= MOST_BATCHES;
  keep(whole.tBodies[0], batchList, (batch) => batch.event_id, makeBatch, showBatch);
}

function makeBatch(batch) {
  return el("tr", { "data-event": batch.event_id },
    el("td", {}, moment(batch.committed_at)),
    el("th", { scope: "row" }, eventLink(batch.event_id)),
    el("td", {}, el("span", { class: "id", title: `project ${batch.project_id ?? "none"}, job ${batch.job_id}` }, batch.job_id)),
    el("td", {}, batch.platform),
    el("td", { class: "number" }), el("td", { class: "number" }), el("td", { class: "number" }));
}

function showBatch(row, batch) {
  [batch.items, batch.errors, batch.rejected].forEach((number, at) => {
    const cell = row.children[4 + at];
    say(cell, count(number));
    cell.classList.toggle("some", at > 0 && number > 0);
  });
}

async function moreBatches() {
  const asked = query();
  try {
    const answer = await get("batches", { limit: BATCH_PAGE, q: asked, cursor: batchNext });
    if (asked !== query()) return;
    const known = new Set(batchList.map((batch) => batch.event_id));
    batchList = [...batchList, ...answer.batches.filter((batch) => !known.has(batch.event_id))].slice(0, MOST_BATCHES);
    batchNext = answer.next;
    showBatches();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    notice(batches.panel, batches.trouble(error));
  }
}

function listenToSearch() {
  const search = () => {
    clearTimeout(searchTimer);
    batches.about = query();
    batches.refresh();
  };
  byId("query").addEventListener("input", () => {
    clearTimeout(searchTimer);
    searchTimer = setTimeout(search, SEARCH_PAUSE);
  });
  byId("search").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    search();
  });
  byId("hold").addEventListener("click", () => {
    held = !held;
    takeWaitingBatches();
  });
}
