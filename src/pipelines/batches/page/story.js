// === The whole story of one event ===

const FATES = {
  stored: { sign: "✓", level: "ok", text: "stored: its rows are committed" },
  dead_lettered: { sign: "✕", level: "bad", text: "dead-lettered: it can never succeed as it is" },
  retried: { sign: "↻", level: "warn", text: "sent back to be tried again" },
  in_flight: { sign: "◐", level: "warn", text: "in flight: a replica works on it" },
};
/** A story that is not over is asked for again. */
const STORY_PAUSE = 2_000;

const storyOf = { id: null, timer: null, asked: null };

function forgetStory() {
  clearTimeout(storyOf.timer);
  storyOf.asked?.abort();
  storyOf.id = null;
}

function openStory(id) {
  forgetStory();
  storyOf.id = id;
  openDialog(id);
  byId("story-body").replaceChildren(el("p", { class: "empty" }, "Asking for its story …"));
  askStory(id);
}

async function askStory(id) {
  storyOf.asked = new AbortController();
  try {
    const story = await get(`batches/${encodeURIComponent(id)}`, {}, storyOf.asked.signal);
    if (storyOf.id !== id) return;
    showStory(story);
    if (story.fate === "in_flight" || story.fate === "retried") storyOf.timer = setTimeout(() => askStory(id), STORY_PAUSE);
  } catch (error) {
    if (storyOf.id !== id) return;
    if (!(error instanceof ApiError)) throw error;
    showNoStory(id, error);
  }
}

function showNoStory(id, error) {
  const what = {
    0: "Try again when the page is connected.",
    401: "Close this and enter the token at the top of the page.",
    404: "Another replica may have it, or it is older than what this one remembers; the ledger holds stored events only. Look for its id in the logs, or in the dead-letter queue.",
    503: "The ledger cannot be asked while the database is down.",
  }[error.status] ?? "";
  const again = el("button", { type: "button", class: "quiet", onclick: () => openStory(id) }, "Ask again");
  byId("story-body").replaceChildren(el("p", { class: "notice warn" }, sentence(error.message)), el("p", {}, what), el("p", {}, again));
}

function showStory(story) {
  const fate = FATES[story.fate] ?? { sign: "?", level: "warn", text: story.fate };
  byId("story-body").replaceChildren(...[
    el("p", { class: "fate", "data-level": fate.level }, el("strong", {}, `${fate.sign} ${fate.text}`), reasonOf(story)),
    traceOf(story),
    historyOf(story),
    rejectedOf(story),
    ledgerOf(story),
  ].filter(Boolean));
}

/** Why it did not end well, from the newest line that says so. */
function reasonOf({ fate, history: lines }) {
  if (fate === "stored") return null;
  const line = lines.findLast(({ fields }) => fields?.reason);
  return line ? ` (${line.fields.reason}${line.fields.detail ? `: ${line.fields.detail}` : ""})` : null;
}

function traceOf({ trace_id: id, trace_url: address }) {
  if (!id) return null;
  // Only what a browser opens as a page: a setting could hold anything.
  const isLink = address && /^https?:\/\//i.test(address);
  const shown = isLink
    ? el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, "Open its trace")
    : el("span", {}, "Set JAEGER_UI_URL to link to it.");
  return el("p", { class: "trace" }, "Trace ", el("code", {}, id), " ", shown);
}

function historyOf({ history: lines }) {
  if (lines.length === 0) {
    return el("section", {}, el("h3", {}, "What this replica said of it"), empty("Nothing: another replica had it, or it was long ago."));
  }
  const first = Date.parse(lines[0].at);
  const items = lines.map((line) => el("li", { "data-level": line.level },
    moment(line.at, passed(Date.parse(line.at) - first, line.at)),
    el("div", {},
      el("p", {}, levelOf(line), " ", line.message),
      el("p", { class: "facts" }, [line.target, ...fieldsOf(line.fields)].filter(Boolean).join(" · ")))));
  return el("section", {}, el("h3", {}, "What this replica said of it"), el("ol", { class: "log history" }, items));
}

const passed = (ms, at) => (ms === 0 ? clock(at) : `+${ms < 10_000 ? `${(ms / 1000).toFixed(3)} s` : span(ms)}`);

const REPEATED = new Set(["event_id", "message"]);
const fieldsOf = (fields) => Object.entries(fields ?? {}).filter(([name, value]) => !REPEATED.has(name) && value !== null).map(([name, value]) => `${name} ${asText(value)}`);

function rejectedOf({ rejected_items: items }) {
  if (items.length === 0) return null;
  const { whole, body } = table("Rejected items", [["item", "number"], ["reason", ""], ["detail", ""]], "plain");
  items.forEach((item) => body.append(el("tr", {}, el("td", { class: "number" }, count(item.item_index)), el("th", { scope: "row" }, item.reason), el("td", { class: "detail" }, item.detail))));
  const title = items.length >= 50 ? "Rejected items (the first 50)" : "Rejected items";
  return el("section", {}, el("h3", {}, title), el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": title }, whole));
}

function ledgerOf({ stored }) {
  if (!stored) return null;
  return el("section", {}, el("h3", {}, "Its row in the ledger"), factsList(stored));
}
