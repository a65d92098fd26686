// === What the pipeline of product events adds to the page ===

/** Hours that are shown of the archive. */
const ARCHIVE_HOURS = 12;

// === Partitions and how far they are behind ===

const productPositions = new Panel("positions-panel", () => get("products/positions"), showPositions);

function showPositions({ positions, gaps }) {
  const place = byId("positions");
  if (positions.length === 0) {
    place.replaceChildren(empty("No position is stored yet."));
    return;
  }
  let shown = place.querySelector("table");
  if (!shown) {
    const columns = [["partition", ""], ["position", "number"], ["end", "number"], ["lag", "number"], ["moved by", ""], ["moved", "number"]];
    shown = table("Partitions", columns, "plain").whole;
    place.replaceChildren(el("p", { class: "sum" }), shown);
  }
  const lag = positions.reduce((sum, one) => sum + (one.lag ?? 0), 0);
  const lost = gaps.length === 0 ? "" : ` Records were lost: ${counted(gaps.length, "gap")}.`;
  say(place.firstChild, `${counted(lag, "record")} behind on the partitions of this replica.${lost}`);
  keep(shown.tBodies[0], positions.slice(0, MOST_ROWS), (one) => `${one.topic}/${one.partition}`, (one) =>
    el("tr", {}, el("th", { scope: "row", class: "code" }, `${one.topic}/${one.partition}`),
      ...["number", "number", "number", "", "number"].map((kind) => el("td", { class: kind }))),
  (row, one) => {
    const [, position, end, behind, owner, moved] = row.children;
    say(position, count(one.position));
    say(end, count(one.end));
    say(behind, one.waits ? `waits: ${one.waits}` : count(one.lag));
    say(owner, one.owner ?? "–");
    say(moved, clock(one.updated_at));
  });
}

// === The archive by the hour ===

const archiveHours = new Panel("archive-panel", () => get("products/archive"), showArchive);

const stateOf = (hour) => {
  if (hour.closed_at) return hour.pending + hour.planned > 0 ? "closed, stragglers" : "closed";
  return hour.planned > 0 ? "being written" : hour.pending > 0 ? "gathers" : "stored";
};

function showArchive({ hours }) {
  const place = byId("archive");
  if (hours.length === 0) {
    place.replaceChildren(empty("No hour is archived yet."));
    return;
  }
  let shown = place.querySelector("table");
  if (!shown) {
    const columns = [["hour (UTC)", ""], ["state", ""], ["files", "number"], ["events", "number"], ["bytes", "number"], ["waiting", "number"]];
    shown = table("Hours of the archive", columns, "plain").whole;
    place.replaceChildren(shown);
  }
  keep(shown.tBodies[0], hours.slice(0, ARCHIVE_HOURS), (one) => one.hour, (one) =>
    el("tr", {}, el("th", { scope: "row" }, one.hour.slice(0, 13).replace("T", " ")), el("td"),
      ...["number", "number", "number", "number"].map((kind) => el("td", { class: kind }))),
  (row, one) => {
    const [, state, files, events, size, waiting] = row.children;
    say(state, stateOf(one));
    say(files, count(one.files));
    say(events, count(one.events));
    say(size, bytes(one.bytes));
    say(waiting, count(one.pending));
  });
}

// === Products by what they are ===

const productStates = new Panel("states-panel", () => get("products/stats"), showStates);

function showStates({ totalProducts, totalEvents, productsByStatus, eventsByType }) {
  const place = byId("states");
  if (totalEvents === 0) {
    place.replaceChildren(empty("No product event is stored yet."));
    return;
  }
  let [states, kinds] = place.querySelectorAll("table");
  if (!kinds) {
    states = table("Products by what they are", [["products", ""], ["share", ""], ["number", "number"]], "shares").whole;
    kinds = table("Events by kind", [["events", ""], ["number", "number"]], "plain").whole;
    place.replaceChildren(el("p", { class: "sum" }), states, el("h3", {}, "Events"), kinds);
  }
  say(place.firstChild, `${counted(totalProducts, "product")}, ${counted(totalEvents, "event")}.`);
  const { created, updated, deleted, lowStock } = productsByStatus;
  const all = Math.max(1, created + updated + deleted);
  const rows = [["created", created, ""], ["updated", updated, ""], ["deleted", deleted, ""], ["low on stock", lowStock, "warn"]];
  keep(states.tBodies[0], rows, ([name]) => name, ([name, , level]) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "share" }, bar(0, level)), el("td", { class: "number" })), (row, [, number]) => {
    row.children[1].firstChild.firstChild.style.width = `${(100 * number) / all}%`;
    say(row.children[2], count(number));
  });
  keep(kinds.tBodies[0], Object.entries(eventsByType), ([kind]) => kind, ([kind]) =>
    el("tr", {}, el("th", { scope: "row", class: "code" }, kind), el("td", { class: "number" })),
  (row, [, number]) => say(row.children[1], count(number)));
}

pipelines.push({
  names: { kafka: "Kafka", products_database: "Postgres (products)", recent_store: "DynamoDB" },
  roles: { kafka: "events", products_database: "rows", recent_store: "recent events" },
  stages: { source: "Source", checker: "Checkers", writer: "Writers" },
  before: { kafka: "source" },
  source: "kafka",
  entry: "source",
  refresh() {
    productPositions.refresh();
    archiveHours.refresh();
    productStates.refresh();
  },
  event(name) {
    return ["product_event", "rejected", "archive_file"].includes(name) ? [name] : [];
  },
});
