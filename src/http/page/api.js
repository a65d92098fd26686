// === The JSON API ===

const TOKEN = "millrace-token";
const MOST_PATIENCE = 20_000;

/** An answer that is none: `status` is 0 when there was no answer. */
class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// A browser may forbid storage; then the token lives as long as the page.
let token = null;
try {
  token = sessionStorage.getItem(TOKEN);
} catch {
  token = null;
}

function rememberToken(value) {
  token = value;
  try {
    sessionStorage.setItem(TOKEN, value);
  } catch {
    // Kept in `token` all the same.
  }
}

const authorization = () => (token ? { authorization: `Bearer ${token}` } : {});

async function get(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  const address = `/api/v1/${path}${query.size ? `?${query}` : ""}`;
  const limit = AbortSignal.timeout(MOST_PATIENCE);
  let response;
  try {
    response = await fetch(address, {
      headers: { accept: "application/json", ...authorization() },
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The service does not answer.");
  }
  if (!response.ok) throw await refusal(response);
  return response.json();
}

async function refusal(response) {
  const body = await response.json().catch(() => null);
  const error = new ApiError(response.status, body?.error ?? `The service answered ${response.status}.`);
  if (response.status === 401) askForToken(error);
  return error;
}

// === The token ===

function askForToken(error) {
  const form = byId("token-form");
  if (token) say(byId("token-why"), `The service refused the token. ${sentence(error.message)}`);
  if (!form.hidden) return;
  form.hidden = false;
  byId("token").focus();
  announce("This service wants a token.");
}

function onToken(then) {
  byId("token-form").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const field = byId("token");
    rememberToken(field.value.trim());
    field.value = "";
    byId("token-form").hidden = true;
    then();
  });
}

/** Says a change of state to those who listen to the page. */
function announce(text) {
  say(byId("announcer"), text);
}

// === The server's clock ===

let clockOffset = 0;
const serverNow = () => Date.now() + clockOffset;

function learnClock(timestamp) {
  const offset = Date.parse(timestamp) - Date.now();
  // A second is the journey and not the clock.
  clockOffset = Math.abs(offset) < 1500 ? 0 : offset;
}
