/** What the customer said and the server has not acknowledged yet. It outlives the tab. */

const KEY = "unacknowledged ";
const FILES = "files"; // the type of a message with files
const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * @typedef {object} Entry
 * @property {object} frame what is sent, and sent again: `{type, client_id, text | press_id}`
 * @property {string} text what the customer sees
 * @property {File[]=} files that go with it; after a reload they are fetched from the browser's database
 * @property {number} at when it was said, milliseconds
 * @property {{code: string, text: string}=} refusal why the server did not take it; not sent again by itself
 */
export class Outgoing {
  #store;
  #kept;
  #entries = new Map();

  /** @param {import("./kept_files.js").KeptFiles} kept */
  constructor(store, kept) {
    this.#store = store;
    this.#kept = kept;
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

  /** A message with files. It is noted once the files are safe, so that none is noted whose files are gone. */
  hold(text, files) {
    const entry = { frame: { type: FILES, client_id: newId() }, text, files, at: Date.now() };
    const clientId = entry.frame.client_id;
    this.#entries.set(clientId, entry);
    this.#kept.put(keyOf(clientId), files).then((safe) => {
      if (safe && this.#entries.has(clientId)) this.#keep(entry);
      else if (safe) this.#kept.remove(keyOf(clientId));
    });
    return entry;
  }

  /** Fetch the files of the messages that an earlier page held. @returns {Promise<Entry[]>} those that can go out */
  async restore() {
    const held = this.entries.filter((entry) => isHeld(entry) && !entry.files);
    for (const entry of held) entry.files = await this.#kept.get(keyOf(entry.frame.client_id));
    for (const { frame } of held.filter(({ files }) => !files.length)) this.settle(frame.client_id);
    return held.filter(({ files }) => files.length);
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
    if (entry && isHeld(entry)) this.#kept.remove(keyOf(clientId));
    return entry;
  }

  #keep({ files, progress, ...noted }) {
    this.#store.set(KEY + noted.frame.client_id, noted);
  }

  /** The client id in a storage key of ours, or null. */
  static clientIdOf(key) {
    return key.startsWith(KEY) ? key.slice(KEY.length) : null;
  }
}

/** Does it go by upload, and not as a frame? */
export function isHeld({ frame }) {
  return frame.type === FILES;
}

function keyOf(clientId) {
  return `message ${clientId}`;
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID(); // only on https and localhost
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
