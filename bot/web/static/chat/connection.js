/** Staying in touch: opens a transport, notices when it is dead, and opens the next one. */

import { BadVisitor } from "./session.js";
import { openSocket, openStream } from "./transports.js";

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
const PING_EVERY_MS = 25_000;
const PONG_WITHIN_MS = 10_000;
const STREAM_SILENCE_MS = 75_000;
const SHORT_LIFE_MS = 5_000;
const SHORT_LIVES_ALLOWED = 3;
const STREAM_PREFERRED_MS = 10 * 60 * 1000;
const PREFER_STREAM = "prefer-stream-until";

/**
 * States: `connecting` at first and while resuming on purpose, `online`, `offline` when an attempt failed
 * or a transport died; it stays `offline` until the next one is open.
 */
export class Connection {
  #server;
  #session;
  #tab;
  #on;
  #run = null; // AbortController of the present attempt or transport
  #transport = null;
  #openedAt = 0;
  #failures = 0;
  #shortLives = 0;
  #retry = 0;
  #pulse = 0;
  #wake = (event) => this.#woken(event);

  /**
   * @param {import("./storage.js").Store} tab this tab's storage
   * @param {{frame: Function, state: Function, resumeAfter: Function}} on `resumeAfter(session)` gives a number
   */
  constructor(server, session, tab, on) {
    this.#server = server;
    this.#session = session;
    this.#tab = tab;
    this.#on = on;
  }

  start() {
    window.addEventListener("online", this.#wake);
    window.addEventListener("offline", this.#wake);
    window.addEventListener("pageshow", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    this.#connect("connecting");
  }

  stop() {
    window.removeEventListener("online", this.#wake);
    window.removeEventListener("offline", this.#wake);
    window.removeEventListener("pageshow", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#drop();
    clearTimeout(this.#retry);
  }

  /** Close and open again, to have the server repeat what came after the last message. */
  restart() {
    this.#connect("connecting");
  }

  /** Let go without announcing anything: the page is being left. `pageshow` brings it back. */
  pause() {
    this.#drop();
    clearTimeout(this.#retry);
    this.#run = null;
  }

  /** @returns whether it was handed to a transport; that it arrived is what acknowledgements are for. */
  send(frame) {
    if (!this.#transport) return false;
    try {
      this.#transport.send(frame);
      return true;
    } catch {
      return false; // closing at this very moment
    }
  }

  async #connect(state) {
    clearTimeout(this.#retry);
    this.#drop();
    const run = (this.#run = new AbortController());
    if (state) this.#on.state(state);
    try {
      const session = await this.#session.open(run.signal);
      run.signal.throwIfAborted();
      const transport = await this.#open({
        server: this.#server,
        visitor: session.visitor,
        after: this.#on.resumeAfter(session),
        signal: run.signal,
        onFrame: (frame) => run === this.#run && this.#on.frame(frame),
        onHeard: () => run === this.#run && this.#watch(),
        onLost: (error) => this.#lost(run, error),
      });
      if (run !== this.#run || run.signal.aborted) return;
      this.#transport = transport;
      this.#openedAt = Date.now();
      this.#watch();
      this.#on.state("online");
    } catch (error) {
      this.#lost(run, error);
    }
  }

  async #open(route) {
    if (!(this.#tab.get(PREFER_STREAM) > Date.now())) {
      try {
        return await openSocket(route);
      } catch (error) {
        if (error instanceof BadVisitor || route.signal.aborted) throw error;
      }
    }
    const stream = await openStream(route);
    this.#preferStream(); // a proxy on the way refuses sockets
    return stream;
  }

  #preferStream() {
    this.#tab.set(PREFER_STREAM, Date.now() + STREAM_PREFERRED_MS);
  }

  #lost(run, error) {
    if (run !== this.#run || run.signal.aborted) return;
    const lived = this.#transport ? Date.now() - this.#openedAt : 0;
    if (this.#transport?.kind === "socket") {
      this.#shortLives = lived < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
      if (this.#shortLives >= SHORT_LIVES_ALLOWED) this.#preferStream();
    }
    if (lived >= SHORT_LIFE_MS) this.#failures = 0;
    this.#drop();
    if (error instanceof BadVisitor) this.#session.forget();
    this.#on.state("offline");
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Jitter: after a restart of the server, a thousand browsers must not come back in the same second.
    this.#retry = setTimeout(() => this.#connect(null), pause * (0.5 + Math.random() / 2));
  }

  #drop() {
    clearTimeout(this.#pulse);
    this.#transport = null;
    this.#run?.abort();
  }

  /** Called whenever something was heard: silence from now on is suspicious. */
  #watch() {
    clearTimeout(this.#pulse);
    if (this.#transport?.kind === "socket") this.#pulse = setTimeout(() => this.#probe(), PING_EVERY_MS);
    else if (this.#transport) this.#pulse = setTimeout(() => this.#connect("connecting"), STREAM_SILENCE_MS);
  }

  #probe() {
    clearTimeout(this.#pulse);
    const run = this.#run;
    this.send({ type: "ping" });
    this.#pulse = setTimeout(() => this.#lost(run, new Error("no pong")), PONG_WITHIN_MS);
  }

  #woken(event) {
    if (event.type === "offline") {
      if (this.#run) this.#lost(this.#run, new Error("the browser is offline"));
    } else if (event.type === "pageshow") {
      if (!this.#run) this.#connect("connecting"); // back from the back-forward cache
    } else if (document.visibilityState === "visible" || event.type === "online") {
      if (!this.#run) return;
      if (this.#transport?.kind === "socket") this.#probe();
      else if (!this.#transport && this.#run.signal.aborted) this.#connect(null); // waiting for the next attempt
    }
  }
}
