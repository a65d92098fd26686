// === Elements. Whatever comes from outside becomes text here and never markup. ===

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onclick: …`) and children; null children are left out. */
function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const byId = (id) => document.getElementById(id);

/** Sets a text only when it differs, so that selections survive and nothing is laid out in vain. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function mark(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Makes the children of `parent` one for each entry, in order. A child is kept for as long as its entry stays, so
 * that focus, selection and a finger on its way down are not lost under the reader.
 */
function keep(parent, entries, keyOf, make, update = () => {}) {
  const old = new Map();
  for (const child of Array.from(parent.children)) {
    // Two entries that look the same share a key: none may be left behind.
    old.get(child.dataset.key)?.remove();
    old.set(child.dataset.key, child);
  }
  let place = parent.firstElementChild;
  for (const entry of entries) {
    const key = String(keyOf(entry));
    let child = old.get(key);
    old.delete(key);
    if (!child) {
      child = make(entry);
      child.dataset.key = key;
    }
    update(child, entry);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of old.values()) child.remove();
}

/** A table with a caption for those who do not see the heading above it, and its body. */
function table(caption, columns, name) {
  const head = columns.map(([title, kind]) => el("th", { scope: "col", class: kind }, title));
  const body = el("tbody");
  const whole = el("table", { class: name },
    el("caption", { class: "hidden" }, caption), el("thead", {}, el("tr", {}, head)), body);
  return { whole, body };
}

function moment(at, text = clock(at)) {
  return el("time", { datetime: at, title: at }, text);
}

/** What to click to see an event's story, where a pipeline tells stories. */
function eventLink(id) {
  if (!pipelines.some((one) => one.story)) return el("span", { class: "id", title: id }, id);
  return el("a", { class: "id", href: eventHash(id), title: id }, id);
}

const eventHash = (id) => `#event=${encodeURIComponent(id)}`;

/** A part of a whole as a bar; the number stands beside it, so the bar itself says nothing. */
function bar(percent, kind = "") {
  const fill = el("span", { class: "fill" });
  fill.style.width = `${Math.max(0, Math.min(100, percent))}%`;
  return el("span", { class: `bar ${kind}`, "aria-hidden": "true" }, fill);
}

/** A panel's word about what is wrong with it; none hides it. */
function notice(panel, text, level = "warn") {
  const place = panel.querySelector("[data-notice]");
  place.hidden = !text;
  place.className = `notice small ${level}`;
  say(place, text ?? "");
}

const empty = (...children) => el("p", { class: "empty" }, ...children);
