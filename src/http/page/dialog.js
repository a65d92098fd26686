// === What is known of one thing, in a dialog ===

const eventInAddress = () => {
  const found = /^#event=(.+)$/.exec(location.hash);
  if (!found) return null;
  try {
    return decodeURIComponent(found[1]);
  } catch {
    return found[1];
  }
};

function listenToDialog() {
  byId("story-close").addEventListener("click", () => byId("story").close());
  // A click beside it closes it too.
  byId("story").addEventListener("click", (clicked) => clicked.target === byId("story") && byId("story").close());
  byId("story").addEventListener("close", () => {
    fromPipelines("forgetStory");
    if (eventInAddress() !== null) history.pushState(null, "", location.pathname + location.search);
  });
  window.addEventListener("hashchange", followAddress);
  followAddress();
}

function followAddress() {
  const id = eventInAddress();
  if (id !== null && pipelines.some((one) => one.story)) fromPipelines("story", id);
  else byId("story").close();
}

function openDialog(title) {
  const dialog = byId("story");
  say(byId("story-title"), title);
  byId("story-body").replaceChildren();
  // The browser keeps the focus inside, and gives it back where it came from.
  if (!dialog.open) dialog.showModal();
}

const asText = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));

function factsList(facts) {
  return el("dl", { class: "facts-list" }, Object.entries(facts).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, valueOf(name, value)))));
}

function valueOf(name, value) {
  if (value === null || value === undefined) return el("span", { class: "none" }, "none");
  if (name.endsWith("_id") || name.startsWith("object_")) return el("span", { class: "id" }, asText(value));
  const isTime = (name === "at" || name.endsWith("_at")) && !Number.isNaN(Date.parse(value));
  return isTime ? moment(value, exactTime(value)) : asText(value);
}

/** What is known of a dead letter or a failure that belongs to no event. */
function openEntry(title, entry) {
  fromPipelines("forgetStory");
  openDialog(title);
  byId("story-body").replaceChildren(factsList(entry));
}
