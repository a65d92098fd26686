// === What the crawl pipeline adds to the page ===

pipelines.push({
  names: { rabbitmq: "RabbitMQ", object_store: "Object storage", database: "Postgres" },
  roles: { rabbitmq: "events", object_store: "objects", database: "rows" },
  stages: { ingress: "Ingress", fetcher: "Fetchers", parser: "Parsers", writer: "Writers" },
  // The store stands beside the fetchers; in the order of reading it comes before them.
  before: { rabbitmq: "ingress", object_store: "fetcher" },
  source: "rabbitmq",
  entry: "ingress",
  start() {
    makePlots();
    listenToSearch();
  },
  learn: learnSlots,
  calm,
  figures: crawlFigures,
  lastFigures: deadFigures,
  show() {
    showPlots();
    takeWaitingBatches();
  },
  tick: takeWaitingBatches,
  refresh() {
    projects.refresh();
    errors.refresh();
    if (!isHeld()) batches.refresh();
  },
  event(name, data) {
    if (name !== "batch") return [];
    batchStored(data);
    return [name];
  },
  story: openStory,
  forgetStory,
});
