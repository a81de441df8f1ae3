// Live updates. <div data-live="/url"> opens one event stream; every named event of it becomes an event on <body>:
//   event: counts  data: {"inbox": 4}   ->   "live:counts" with the data as detail
// Fragments listen with hx-trigger="live:counts from:body, live:refresh from:body". "live:refresh" is fired when
// something may have been missed (after an interruption) and, while the stream cannot be had, every 20 seconds.
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const FAILURES_BEFORE_POLLING = 3;
const POLL_MS = 20_000;
const HIDDEN_CLOSE_MS = 60_000;

const root = document.documentElement;
const tell = (name, detail) => document.body.dispatchEvent(new CustomEvent(`live:${name}`, { detail }));

class Connection {
  constructor(url, names) {
    this.url = url;
    this.names = names;
    this.failures = 0;
    this.missed = false;
  }

  open() {
    this.close();
    this.source = new EventSource(this.url);
    this.source.onopen = () => this.opened();
    this.source.onerror = () => this.failed();
    this.source.onmessage = (event) => this.receive("message", event);
    for (const name of this.names) this.source.addEventListener(name, (event) => this.receive(name, event));
  }

  opened() {
    this.failures = 0;
    root.dataset.live = "connected";
    clearInterval(this.polling);
    this.polling = undefined;
    if (this.missed) tell("refresh");
    this.missed = false;
  }

  receive(name, event) {
    let detail = event.data;
    try { detail = JSON.parse(event.data); } catch { /* plain text is allowed */ }
    tell(name, detail);
  }

  /** The server ends a stream now and then to check rights again: the first failure is not worth a word. */
  failed() {
    this.close();
    this.missed = true;
    this.failures += 1;
    if (this.failures > 1) root.dataset.live = this.polling ? "polling" : "reconnecting";
    if (this.failures >= FAILURES_BEFORE_POLLING) this.poll();
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.failures - 1), LONGEST_WAIT_MS);
    this.retry = setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
  }

  poll() {
    root.dataset.live = "polling";
    this.polling ??= setInterval(() => { if (!document.hidden) tell("refresh"); }, POLL_MS);
  }

  close() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = undefined;
  }

  /** A browser allows six streams per host over HTTP/1.1: a forgotten tab gives its place back. */
  watchVisibility() {
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.sleeping);
      if (document.hidden) this.sleeping = setTimeout(() => { this.close(); this.missed = true; }, HIDDEN_CLOSE_MS);
      else if (!this.source) this.open();
    });
  }
}

const place = document.querySelector("[data-live]");
if (place?.dataset.live) {
  const connection = new Connection(place.dataset.live, (place.dataset.liveEvents ?? "").split(/\s+/).filter(Boolean));
  connection.watchVisibility();
  connection.open();
  addEventListener("pagehide", () => connection.close());
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    connection.missed = true;
    connection.open();
  });
}
