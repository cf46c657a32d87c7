/** What the customer said and the server has not acknowledged yet. It outlives the tab. */

const KEY = "unacknowledged ";
const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * @typedef {object} Entry
 * @property {object} frame what is sent, and sent again: `{type, client_id, text | press_id}`
 * @property {string} text what the customer sees
 * @property {File[]=} files that go with it; they live as long as the page
 * @property {number} at when it was said, milliseconds
 * @property {{code: string, text: string}=} refusal why the server did not take it; not sent again by itself
 */
export class Outgoing {
  #store;
  #entries = new Map();

  constructor(store) {
    this.#store = store;
    for (const key of store.keys()) {
      if (!key.startsWith(KEY)) continue;
      const entry = store.get(key);
      if (!entry?.frame?.client_id) continue;
      // Yesterday's question should not go out by surprise: the customer is asked.
      if (Date.now() - entry.at > STALE_AFTER_MS) entry.refusal ??= { code: "stale", text: "" };
      this.#entries.set(entry.frame.client_id, entry);
    }
  }

  /** @returns {Entry[]} in the order they were said */
  get entries() {
    return [...this.#entries.values()].sort((a, b) => a.at - b.at);
  }

  get(clientId) {
    return this.#entries.get(clientId);
  }

  add(frame, text) {
    const entry = { frame: { ...frame, client_id: newId() }, text, at: Date.now() };
    this.#entries.set(entry.frame.client_id, entry);
    this.#store.set(KEY + entry.frame.client_id, entry);
    return entry;
  }

  /** A message with files. No storage could keep them, so it ends with the page. */
  hold(text, files) {
    const entry = { frame: { type: "files", client_id: newId() }, text, files, at: Date.now() };
    this.#entries.set(entry.frame.client_id, entry);
    return entry;
  }

  refuse(clientId, refusal) {
    const entry = this.#entries.get(clientId);
    if (!entry) return undefined;
    entry.refusal = refusal;
    this.#keep(entry);
    return entry;
  }

  retry(clientId) {
    const entry = this.#entries.get(clientId);
    if (!entry) return undefined;
    delete entry.refusal;
    entry.at = Date.now();
    this.#keep(entry);
    return entry;
  }

  /** The server has it (or the customer dropped it). @returns the entry, if it was still ours. */
  settle(clientId) {
    const entry = this.#entries.get(clientId);
    this.#entries.delete(clientId);
    this.#store.remove(KEY + clientId);
    return entry;
  }

  #keep(entry) {
    if (!entry.files) this.#store.set(KEY + entry.frame.client_id, entry);
  }

  /** The client id in a storage key of ours, or null. */
  static clientIdOf(key) {
    return key.startsWith(KEY) ? key.slice(KEY.length) : null;
  }
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID(); // only on https and localhost
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
