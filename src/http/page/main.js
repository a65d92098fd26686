// === Putting it together ===

const THEMES = ["auto", "light", "dark"];
const THEME = "millrace-theme";
const POLL = 5_000;
/** A tab that was hidden for so long gives its connection back: a browser has six for a service. */
const REST_AFTER = 60_000;
const REST_POLL = 30_000;
/** How often the database's panels are read anew: soon after something was stored, else seldom. */
const SOON = 3_000;
const SELDOM = 30_000;

/** How often each is still to be read soon: twice after a change, as the service gives answers of a moment ago. */
const dirty = { database: 2, dead: 2 };
const readAt = { database: 0, dead: 0 };
let polling = null;
let resting = null;
let drawing = false;
let databaseWasUp = null;

// === The stream ===

const stream = new Stream({
  open() {
    stopPolling();
    heard("live");
    // The whole of the last minutes comes once, also what was missed; the stream goes on from there.
    askStatus();
    soil("database");
    soil("dead");
  },
  event(name, data) {
    if (name === "status") takeStatus(data);
    if (fromPipelines("event", name, data).length > 0) soil("database");
    if (name === "dead_letter") soil("dead");
    if (name === "supervision") learnSupervision(data);
    heard("live");
    draw();
  },
  lost(error, nextTryAt) {
    // All places for live pages are taken: ask in intervals until one is free.
    if (error.status === 503) startPolling(POLL);
    if (polling && error.status !== 0) return;
    stopPolling();
    Object.assign(model.connection, { state: "lost", error: error.message, nextTryAt });
    showNow();
  },
  refused() {
    model.connection.state = "refused";
    showNow();
  },
});

function heard(state) {
  model.connection.heardAt = Date.now();
  if (model.connection.state === state) return;
  model.connection.state = state;
  showNow();
}

function startPolling(pause) {
  if (polling) return;
  polling = setInterval(askStatus, pause);
  askStatus();
}

/** Only the tab's title is seen, so now and then is enough. */
function rest() {
  stream.close();
  startPolling(REST_POLL);
}

function stopPolling() {
  clearInterval(polling);
  polling = null;
}

async function askStatus() {
  try {
    takeStatus(await get("status"));
    if (polling) {
      heard("polling");
      soil("database");
      soil("dead");
    }
    draw();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (!polling || error.status !== 0) return;
    Object.assign(model.connection, { state: "lost", error: error.message, nextTryAt: Date.now() + REST_POLL });
    showNow();
  }
}

function takeStatus(status) {
  learnStatus(status);
  const isUp = status.dependencies.find((one) => one.name === "database")?.ok ?? true;
  if (isUp !== databaseWasUp) readAt.database = 0;
  databaseWasUp = isUp;
}

// === Drawing: once a frame at most, and not at all while the page is hidden ===

function draw() {
  if (drawing) return;
  drawing = true;
  if (document.hidden) {
    // The tab's title and sign are still seen.
    drawing = false;
    showOutcome();
    return;
  }
  requestAnimationFrame(() => {
    drawing = false;
    showAll();
  });
}

function showNow() {
  showOutcome();
  showConnection();
  mark(document.body, "data-connection", model.connection.state);
  document.body.toggleAttribute("data-known", Boolean(model.status));
}

function showAll() {
  showNow();
  showFigures();
  showPipeline();
  showSupervision();
  fromPipelines("show");
}

/** Each second: how long it has lasted, and what is due to be read. */
function tick() {
  if (document.hidden) return;
  showNow();
  fromPipelines("tick");
  if (model.connection.state === "lost" || model.connection.state === "refused") return;
  read("database", () => fromPipelines("refresh"));
  read("dead", () => deadLetters.refresh());
}

function read(what, refresh) {
  const age = performance.now() - readAt[what];
  if (readAt[what] && age < (dirty[what] && isWell(what) ? SOON : SELDOM)) return;
  readAt[what] = performance.now();
  dirty[what] = Math.max(0, dirty[what] - 1);
  refresh();
}

function soil(what) {
  dirty[what] = 2;
}

/** A database that is down is asked seldom. */
const isWell = (what) => what !== "database" || databaseWasUp !== false;

// === Light and dark ===

function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function setTheme(theme) {
  const known = THEMES.includes(theme) ? theme : "auto";
  mark(document.documentElement, "data-theme", known);
  say(byId("theme"), `Colours: ${known}`);
  try {
    localStorage.setItem(THEME, known);
  } catch {
    // Forgotten with the page, then.
  }
}

function listenToTheme() {
  setTheme(remembered(THEME));
  byId("theme").addEventListener("click", () => {
    const now = document.documentElement.dataset.theme;
    setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
  });
}

// === Start ===

function start() {
  listenToTheme();
  fromPipelines("start");
  onToken(() => {
    readAt.database = 0;
    readAt.dead = 0;
    model.connection.state = "connecting";
    stream.connect();
  });
  stream.connect();
  listenToDialog();
  setInterval(tick, 1000);
  const back = () => {
    clearTimeout(resting);
    if (document.hidden) {
      resting = setTimeout(rest, REST_AFTER);
      return;
    }
    if (["lost", "polling"].includes(model.connection.state)) stream.connect();
    draw();
  };
  document.addEventListener("visibilitychange", back);
  window.addEventListener("online", back);
  showAll();
}

start();
