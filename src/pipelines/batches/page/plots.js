// === Plots of the last 15 minutes: one cursor for all, moved by pointer or by arrow keys ===

const perSecond = (field) => (slot) => slot[field] / (slot.length / 1000);
const PLOTS = [
  {
    key: "events", title: "Events", unit: "per second", format: rate, stacked: true,
    series: [
      { key: "stored", name: "stored", value: perSecond("stored") },
      { key: "retried", name: "retried", value: perSecond("retried") },
      { key: "dead", name: "dead-lettered", value: perSecond("dead_lettered") },
    ],
  },
  {
    key: "items", title: "Items", unit: "per second", format: rate, stacked: true,
    series: [
      { key: "success", name: "posts", value: perSecond("success") },
      { key: "error", name: "crawl errors", value: perSecond("error") },
      { key: "rejected", name: "rejected", value: perSecond("rejected") },
    ],
  },
  {
    key: "latency", title: "Latency", unit: "delivery to acknowledgement", format: milliseconds, stacked: false,
    series: [
      { key: "p95", name: "p95", value: (slot) => slot.p95_ms },
      { key: "p50", name: "p50", value: (slot) => slot.p50_ms },
    ],
  },
];

const HEIGHT = 168;
const MARGIN = { top: 8, right: 10, bottom: 20, left: 50 };
/** The time of the cursor; none follows the newest slot. */
let cursor = null;

function makePlots() {
  for (const plot of PLOTS) {
    plot.drawing = svg("svg", { role: "img", height: HEIGHT });
    plot.values = el("dl", { class: "legend" });
    plot.slider = el("input", {
      type: "range", class: "cursor", step: 1, "aria-label": `${plot.title}: time`,
      oninput: () => moveCursor(finishedSlots()[Number(plot.slider.value)]?.ms ?? null),
      onfocus: () => moveCursor(finishedSlots().at(-1)?.ms ?? null),
      onblur: () => moveCursor(null),
      onkeydown: (pressed) => pressed.key === "Escape" && moveCursor(null),
    });
    plot.time = el("p", { class: "at" });
    plot.figure = el("figure", { class: "plot", "data-plot": plot.key },
      el("figcaption", {}, el("h3", {}, plot.title), el("span", { class: "unit" }, plot.unit), plot.time),
      plot.values,
      el("div", { class: "canvas" }, plot.drawing, plot.slider));
    plot.drawing.addEventListener("pointermove", (moved) => point(plot, moved));
    plot.drawing.addEventListener("pointerdown", (pressed) => point(plot, pressed));
    plot.drawing.addEventListener("pointerleave", () => moveCursor(null));
    byId("plots").append(plot.figure);
  }
  // Widths change with the window and with a scrollbar.
  const sizes = new ResizeObserver(() => requestAnimationFrame(showPlots));
  PLOTS.forEach((plot) => sizes.observe(plot.figure));
  byId("plots-table").addEventListener("toggle", showPlotsTable);
}

function moveCursor(ms) {
  cursor = ms;
  showPlots();
}

function point(plot, moved) {
  const box = plot.drawing.getBoundingClientRect();
  const { from, to } = timeRange();
  const part = (moved.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
  const ms = from + Math.max(0, Math.min(1, part)) * (to - from);
  const nearest = finishedSlots().reduce((best, slot) =>
    (best === null || Math.abs(middle(slot) - ms) < Math.abs(middle(best) - ms) ? slot : best), null);
  moveCursor(nearest?.ms ?? null);
}

const middle = (slot) => slot.ms + slot.length / 2;

function timeRange() {
  const last = slotsSeen.at(-1);
  const to = last ? last.ms : serverNow();
  return { from: to - WINDOW_MS, to };
}

function showPlots() {
  const slots = finishedSlots();
  const under = cursor === null ? null : slots.findLast((slot) => slot.ms <= cursor) ?? null;
  PLOTS.forEach((plot) => showPlot(plot, slots, under));
  say(byId("plots-scope"), `this replica, each point ${(slots.at(-1)?.length ?? 5000) / 1000} s, times are ${zone()}`);
  if (byId("plots-table").open) showPlotsTable();
}

function showPlot(plot, slots, under) {
  const width = Math.floor(plot.figure.clientWidth);
  if (width < 60) return;
  const scale = scalesOf(plot, slots, width);
  mark(plot.drawing, "width", width);
  mark(plot.drawing, "viewBox", `0 0 ${width} ${HEIGHT}`);
  const marks = [...gridOf(plot, scale, width), ...(plot.stacked ? areasOf(plot, slots, scale) : linesOf(plot, slots, scale))];
  if (under) {
    const x = scale.x(middle(under));
    marks.push(svg("line", { class: "cursor-line", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
  }
  if (slots.length === 0) marks.push(svg("text", { class: "nothing", x: width / 2, y: HEIGHT / 2 }, "no finished slot yet"));
  plot.drawing.replaceChildren(...marks);
  showReading(plot, slots, under);
}

/** The values at the cursor, or the newest ones. */
function showReading(plot, slots, under) {
  const slot = under ?? slots.at(-1) ?? null;
  say(plot.time, under ? clock(new Date(under.ms).toISOString()) : model.connection.state === "lost" ? "last seen" : "now");
  plot.time.classList.toggle("held", Boolean(under));
  keep(plot.values, plot.series, (series) => series.key, (series) =>
    el("div", {}, el("dt", {}, svg("svg", { class: "swatch", width: 14, height: 10, "aria-hidden": "true" }, swatch(plot, series)), series.name), el("dd")),
  (entry, series) => say(entry.lastChild, slot ? plot.format(series.value(slot)) : "–"));
  const at = under ? slots.indexOf(under) : slots.length - 1;
  mark(plot.slider, "max", Math.max(0, slots.length - 1));
  if (document.activeElement !== plot.slider || under) plot.slider.value = String(Math.max(0, at));
  mark(plot.slider, "aria-valuetext", slot ? `${clock(new Date(slot.ms).toISOString())}: ${spoken(plot, slot)}` : "nothing yet");
  mark(plot.drawing, "aria-label", summaryOf(plot, slots));
}

const spoken = (plot, slot) => plot.series.map((series) => `${series.name} ${plot.format(series.value(slot))}`).join(", ");

function summaryOf(plot, slots) {
  if (slots.length === 0) return `${plot.title}, ${plot.unit}: nothing yet`;
  const values = slots.map((slot) => ({ slot, value: heightOf(plot, slot) })).filter(({ value }) => value !== null);
  if (values.length === 0) return `${plot.title}, ${plot.unit}: nothing in the last 15 minutes`;
  const top = values.reduce((best, one) => (one.value > best.value ? one : best));
  const highest = `highest ${plot.format(top.value)} at ${clock(new Date(top.slot.ms).toISOString())}`;
  return `${plot.title}, ${plot.unit}, last 15 minutes: ${highest}; latest ${spoken(plot, slots.at(-1))}. Figures are in the table below.`;
}

function swatch(plot, series) {
  const name = `series-${series.key}`;
  return plot.stacked
    ? svg("rect", { class: `area ${name}`, width: 14, height: 10 })
    : svg("line", { class: `stroke ${name}`, x1: 0, x2: 14, y1: 5, y2: 5 });
}

/** The top of what is drawn for a slot; none where nothing happened that could be measured. */
function heightOf(plot, slot) {
  const values = plot.series.map((series) => series.value(slot)).filter((value) => value !== null && value !== undefined);
  if (values.length === 0) return null;
  return plot.stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values);
}

// === Scales and axes ===

function scalesOf(plot, slots, width) {
  const { from, to } = timeRange();
  const highest = Math.max(0, ...slots.map((slot) => heightOf(plot, slot) ?? 0));
  const ticks = niceTicks(highest || (plot.stacked ? 1 : 100));
  const top = ticks.at(-1);
  return {
    from, to, ticks,
    x: (ms) => MARGIN.left + ((ms - from) / (to - from)) * (width - MARGIN.left - MARGIN.right),
    y: (value) => HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom),
  };
}

/** Round steps from 0 to above the highest value. */
function niceTicks(highest) {
  const raw = highest / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size * 4 >= highest * 0.999);
  const ticks = [0];
  while (ticks.at(-1) < highest * 0.999) ticks.push(ticks.length * step);
  return ticks.length > 1 ? ticks : [0, step];
}

function gridOf(plot, { ticks, from, to, x, y }, width) {
  const marks = [];
  for (const tick of ticks) {
    marks.push(svg("line", { class: tick === 0 ? "base" : "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }));
    marks.push(svg("text", { class: "tick y", x: MARGIN.left - 6, y: y(tick) + 3.5 }, plot.stacked ? tickText(tick) : tick === 0 ? "0" : milliseconds(tick)));
  }
  const minutes = width < 380 ? 5 : 3;
  const step = minutes * 60_000;
  for (let ms = Math.ceil(from / step) * step; ms <= to; ms += step) {
    marks.push(svg("line", { class: "grid x", x1: x(ms), x2: x(ms), y1: HEIGHT - MARGIN.bottom, y2: HEIGHT - MARGIN.bottom + 4 }));
    const near = x(ms) > width - 24 ? "end" : x(ms) < MARGIN.left + 8 ? "start" : "middle";
    marks.push(svg("text", { class: "tick", "text-anchor": near, x: x(ms), y: HEIGHT - 5 }, minuteOf(ms)));
  }
  return marks;
}

const tickText = (value) => (value >= 1000 ? `${hundredth.format(value / 1000)}k` : hundredth.format(value));

// === Marks ===

/** Runs of slots without a hole: between runs nothing is drawn, because nothing is known. */
function runsOf(slots, isThere) {
  const runs = [];
  let before = null;
  for (const slot of slots) {
    if (isThere(slot)) {
      if (before && slot.ms - before.ms < 1.6 * slot.length) runs.at(-1).push(slot);
      else runs.push([slot]);
      before = slot;
    } else before = null;
  }
  return runs;
}

/** Counts are steps: each holds for its whole slot. */
function areasOf(plot, slots, { x, y }) {
  return plot.series.map((series, at) => {
    const below = plot.series.slice(0, at);
    const base = (slot) => below.reduce((sum, one) => sum + one.value(slot), 0);
    // Where nothing happened nothing is drawn.
    const runs = runsOf(slots, (slot) => series.value(slot) > 0);
    const path = runs.map((run) => {
      const top = run.flatMap((slot) => corners(slot, y(base(slot) + series.value(slot)), x));
      const bottom = run.flatMap((slot) => corners(slot, y(base(slot)), x)).reverse();
      return `M${[...top, ...bottom].join("L")}Z`;
    });
    return svg("path", { class: `area series-${series.key}`, d: path.join("") });
  });
}

const corners = (slot, height, x) => [slot.ms, slot.ms + slot.length].map((ms) => `${x(ms).toFixed(1)},${height.toFixed(1)}`);

function linesOf(plot, slots, { x, y }) {
  return plot.series.flatMap((series) => {
    const runs = runsOf(slots, (slot) => series.value(slot) !== null && series.value(slot) !== undefined);
    const place = (slot) => `${x(middle(slot)).toFixed(1)},${y(series.value(slot)).toFixed(1)}`;
    const path = runs.filter((run) => run.length > 1).map((run) => `M${run.map(place).join("L")}`);
    const dots = runs.filter((run) => run.length === 1).map(([slot]) =>
      svg("circle", { class: `dot series-${series.key}`, cx: x(middle(slot)), cy: y(series.value(slot)), r: 1.8 }));
    return [svg("path", { class: `stroke series-${series.key}`, d: path.join("") }), ...dots];
  });
}

// === The same as a table ===

function showPlotsTable() {
  if (!byId("plots-table").open) return;
  const minutes = new Map();
  for (const slot of finishedSlots()) {
    const minute = Math.floor(slot.ms / 60_000) * 60_000;
    minutes.set(minute, [...(minutes.get(minute) ?? []), slot]);
  }
  const titles = ["minute", "stored", "retried", "dead-lettered", "posts", "crawl errors", "rejected", "highest p50", "highest p95"];
  const { whole, body } = table("Figures of the last 15 minutes, minute by minute", titles.map((title, at) => [title, at ? "number" : ""]), "plain");
  const sum = (slots, field) => count(slots.reduce((total, slot) => total + slot[field], 0));
  const most = (slots, field) => {
    const known = slots.map((slot) => slot[field]).filter((value) => value !== null);
    return known.length ? milliseconds(Math.max(...known)) : "–";
  };
  for (const [minute, slots] of [...minutes].reverse()) {
    const cells = [
      ...["stored", "retried", "dead_lettered", "success", "error", "rejected"].map((field) => sum(slots, field)),
      most(slots, "p50_ms"), most(slots, "p95_ms"),
    ];
    body.append(el("tr", {}, el("th", { scope: "row" }, minuteOf(minute)), cells.map((cell) => el("td", { class: "number" }, cell))));
  }
  byId("plots-table").querySelector(".scroll").replaceChildren(whole);
}
