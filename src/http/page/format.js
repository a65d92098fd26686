// === Numbers, sizes and times as people read them ===

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const hundredth = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

const count = (number) => (number === null || number === undefined ? "–" : whole.format(number));
const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A rate with as many digits as say something. */
function rate(number) {
  if (number === null || number === undefined) return "–";
  if (number === 0) return "0";
  return number < 1 ? hundredth.format(number) : number < 100 ? tenth.format(number) : whole.format(number);
}

/** 100 % is said only of all of it. */
function percent(number) {
  if (number === null || number === undefined) return "–";
  const shown = number < 100 ? Math.min(number, 99.9) : number;
  return `${shown === 100 || shown === 0 ? whole.format(shown) : tenth.format(shown)} %`;
}

function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (number >= 1024 && at < units.length - 1) {
    number /= 1024;
    at += 1;
  }
  return `${at === 0 || number >= 100 ? whole.format(number) : tenth.format(number)} ${units[at]}`;
}

function milliseconds(number) {
  if (number === null || number === undefined) return "–";
  if (number < 1000) return `${whole.format(number)} ms`;
  return number < 60_000 ? `${hundredth.format(number / 1000)} s` : span(number);
}

/** A length of time, in its two largest units at most. */
function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 && seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

const two = (number) => String(number).padStart(2, "0");
const three = (number) => String(number).padStart(3, "0");

/** The time of day; with the date when it was another day. */
function clock(at) {
  if (!at) return "–";
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return String(at);
  const day = time.toDateString() === new Date().toDateString() ? "" : `${dayOf(time)} `;
  return `${day}${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

function dayOf(time) {
  const thisYear = time.getFullYear() === new Date().getFullYear();
  const day = `${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return thisYear ? day : `${time.getFullYear()}-${day}`;
}

const minuteOf = (ms) => `${two(new Date(ms).getHours())}:${two(new Date(ms).getMinutes())}`;

function exactTime(at) {
  const time = new Date(at);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock(at).slice(-8)}.${three(time.getMilliseconds())}`;
}

function zone() {
  const minutes = -new Date().getTimezoneOffset();
  const size = Math.abs(minutes);
  const offset = minutes === 0 ? "UTC" : `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return name && name !== "UTC" ? `${name}, ${offset}` : offset;
}

/** "since 03:12:04 (4 min)", by the server's clock: the browser's may be wrong. */
const since = (at) => `since ${clock(at)} (${span(serverNow() - Date.parse(at))})`;

/** A message of the service, which are lower-case and without a full stop, as a sentence. */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
