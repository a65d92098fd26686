// === Panels that ask ===

/**
 * A panel that asks the service for what it shows. What it showed stays while an answer fails: old figures with a
 * word about it help more than none.
 */
class Panel {
  constructor(id, ask, show) {
    this.panel = byId(id);
    this.ask = ask;
    this.show = show;
    this.answer = null;
    this.answeredAt = null;
    this.running = null;
  }

  /** At most one question at a time; one that comes meanwhile is asked afterwards. */
  refresh() {
    if (this.running) {
      this.again = true;
      return this.running;
    }
    this.running = this.load().finally(() => {
      this.running = null;
      if (this.again) {
        this.again = false;
        this.refresh();
      }
    });
    return this.running;
  }

  async load() {
    const about = this.about;
    try {
      const answer = await this.ask();
      if (about !== this.about) return;
      this.answer = answer;
      this.answeredAt = new Date().toISOString();
      notice(this.panel, null);
      this.show(answer);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      notice(this.panel, this.trouble(error), error.status === 503 ? "bad" : "warn");
    }
  }

  trouble(error) {
    const old = this.answer ? ` Shown is what was there at ${clock(this.answeredAt)}.` : "";
    if (error.status === 503) return `${sentence(error.message)}${old} Events are held meanwhile and go on by themselves. Look at Postgres and at DATABASE_URL.`;
    if (error.status === 401) return "A token is needed: enter it at the top of the page.";
    return `${sentence(error.message)}${old}`;
  }
}
