/** Who this browser is to the server: a secret kept in storage, never part of a URL. */

const KEY = "session";

/** The server does not know the visitor's secret (any more). */
export class BadVisitor extends Error {}

export class Session {
  #server;
  #store;
  #language;
  #user;
  #opened = null;

  /** @param {{id: string|null, hash: string|null}} user whom the host site's server vouches for */
  constructor(server, store, language, user) {
    this.#server = server;
    this.#store = store;
    this.#language = language;
    this.#user = user;
    // Someone else (or nobody) is signed in on this page now: they must not read the former conversation.
    const owner = store.get(KEY)?.user;
    this.changedHands = Boolean(owner && owner !== user.id);
    if (this.changedHands) store.clear();
  }

  /** Has this browser talked to this server before? */
  static known(store) {
    return store.get(KEY) !== null;
  }

  /** @returns {Promise<{visitor: string, conversation_id: string, last_seq: number}>} */
  async open(signal) {
    this.#opened ??= await alone(`zabota session ${this.#server}`, signal, () => this.#ask(signal));
    return this.#opened;
  }

  /** Null until the server answered once. */
  get visitor() {
    return this.#opened?.visitor ?? null;
  }

  /** Ask again next time. The secret stays in storage: only the session's own answer tells whether it is void. */
  forget() {
    this.#opened = null;
  }

  async #ask(signal) {
    const visitor = this.#store.get(KEY)?.visitor;
    const request = { language: this.#language };
    if (visitor) request.visitor = visitor;
    if (this.#user.id && this.#user.hash) Object.assign(request, { user_id: this.#user.id, user_hash: this.#user.hash });
    const response = await fetch(`${this.#server}/chat/v1/session`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
      credentials: "omit",
      signal,
    });
    const answer = await response.json();
    if (answer.code === "bad_visitor") {
      this.#store.remove(KEY);
      throw new BadVisitor();
    }
    if (!response.ok || !answer.visitor) throw new Error(`session: HTTP ${response.status}`);
    this.#store.set(KEY, { visitor: answer.visitor, user: this.#user.id });
    return answer;
  }
}

/** Two tabs that open at once must not become two visitors. */
function alone(name, signal, work) {
  return navigator.locks ? navigator.locks.request(name, { signal }, work) : work(); // locks need https
}
