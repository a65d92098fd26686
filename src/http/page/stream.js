// === The live stream: server-sent events read through fetch, because EventSource sends no token ===

/** A comment comes every 10 s; after this silence the connection is dead, whatever TCP believes. */
const SILENCE = 25_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
/** No event is longer; more is not ours and must not fill the memory. */
const LONGEST_EVENT = 4_000_000;

/** `on` has `event(name, data)`, `open()`, `lost(error, nextTryAt)` and `refused(error)` for a missing token. */
class Stream {
  constructor(on) {
    this.on = on;
    this.failures = 0;
    this.timer = null;
    this.attempt = null;
  }

  /** Connects now, whatever it was waiting for. */
  connect() {
    clearTimeout(this.timer);
    this.attempt?.abort();
    const attempt = new AbortController();
    this.attempt = attempt;
    this.read(attempt)
      .then(() => new ApiError(0, "The service ended the stream."), (error) => error)
      .then((error) => {
        if (this.attempt !== attempt) return;
        attempt.abort();
        this.again(error);
      });
  }

  close() {
    clearTimeout(this.timer);
    this.attempt?.abort();
    this.attempt = null;
  }

  again(error) {
    if (error.status === 401) {
      this.on.refused(error);
      return;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    this.timer = setTimeout(() => this.connect(), pause);
    this.on.lost(error, Date.now() + pause);
  }

  async read(attempt) {
    let watchdog = null;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => attempt.abort(new ApiError(0, "The service fell silent.")), SILENCE);
    };
    alive();
    try {
      const response = await fetch("/api/v1/stream", {
        headers: { accept: "text/event-stream", ...authorization() },
        cache: "no-store",
        signal: attempt.signal,
      });
      if (!response.ok) throw await refusal(response);
      this.on.open();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser((name, data) => {
        this.failures = 0;
        this.on.event(name, data);
      });
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        alive();
        parser.feed(value);
      }
    } catch (error) {
      throw error instanceof ApiError ? error : new ApiError(0, "The service does not answer.");
    } finally {
      clearTimeout(watchdog);
    }
  }
}

/** Lines to events, as the HTML standard has it. */
class EventParser {
  constructor(deliver) {
    this.deliver = deliver;
    this.rest = "";
    this.name = "";
    this.data = [];
  }

  feed(text) {
    this.rest += text;
    if (this.rest.length > LONGEST_EVENT) throw new ApiError(0, "The stream makes no sense.");
    // A line feed may still follow a carriage return at the end.
    const lines = this.rest.split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    lines.forEach((line) => this.line(line));
  }

  line(line) {
    if (line === "") {
      this.end();
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    if (field === "data") this.data.push(value);
  }

  end() {
    const { name, data } = this;
    this.name = "";
    this.data = [];
    if (data.length === 0) return;
    let body;
    try {
      body = JSON.parse(data.join("\n"));
    } catch {
      return;
    }
    this.deliver(name || "message", body);
  }
}
