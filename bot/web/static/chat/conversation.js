/** One browser's conversation: what was said, what is still on its way, who is typing. Knows no element. */

import { Connection } from "./connection.js";
import { upload } from "./files.js";
import { History } from "./history.js";
import { isHeld, Outgoing } from "./outgoing.js";
import { Session } from "./session.js";
import { postFrame } from "./transports.js";

const FIRST_PAGE = 200; // messages asked for at first; older ones on request
const GAP_PATIENCE_MS = 700;
const ACK_WITHIN_MS = 8_000;
const ACK_WITHIN_MOST_MS = 30_000;
const TYPING_SENT_EVERY_MS = 3_000;
const UPLOAD_AGAIN_MS = 3_000;
const UPLOAD_TRIES = 4;
const SEEN = "seen"; // {conversation, seq}: the last message a person looked at, in any tab

/**
 * @typedef {object} Listener what the conversation tells its view
 * @property {(messages: object[], fresh: boolean) => void} messages to be shown, in order of `seq`
 * @property {(entry: object, state: "sending"|"waiting"|"sent"|"failed") => void} outgoing
 * @property {(clientId: string) => void} gone an outgoing line is no more
 * @property {(author: string, on: boolean) => void} typing
 * @property {(state: string) => void} connection
 * @property {(busy: boolean) => void} catchingUp
 * @property {(owner: string) => void} owner
 * @property {() => void} seen another tab saw the messages
 * @property {() => void} reset another conversation begins
 */
export class Conversation {
  #server;
  #store;
  #session;
  #connection;
  #tell;
  #history = new History();
  #outgoing;
  #id = null;
  #online = false;
  #target = null; // the number the server had when it said welcome
  #baseline = null; // the same, of the first welcome: what comes after it is news
  #widening = false;
  #gapTimer = 0;
  #gapAskedFor = null;
  #ackTimer = 0;
  #ackWithin = ACK_WITHIN_MS;
  #typingSentAt = 0;
  #unwatch;
  #leaving = new AbortController(); // ends uploads
  #leave = (event) => this.#left(event);

  /** @param {Listener} tell */
  constructor({ server, store, tab, kept, language, user, tell }) {
    this.#server = server;
    this.#store = store;
    this.#tell = tell;
    this.#session = new Session(server, store, language, user);
    if (this.#session.changedHands) kept.forgetOthers(draftOf(user.id));
    this.#outgoing = new Outgoing(store, kept);
    this.#connection = new Connection(server, this.#session, tab, {
      frame: (frame) => this.#received(frame),
      state: (state) => this.#connectionState(state),
      resumeAfter: (session) => this.#resumeAfter(session),
    });
  }

  start() {
    this.#unwatch = this.#store.watch((key, value) => this.#storedElsewhere(key, value));
    window.addEventListener("pagehide", this.#leave);
    this.#tell.catchingUp(true);
    this.showOutgoing();
    this.#connection.start();
    this.#sendHeld();
  }

  /** Messages with files that a page before this one could not send any more. */
  async #sendHeld() {
    const entries = await this.#outgoing.restore();
    if (this.#leaving.signal.aborted) return;
    for (const entry of entries) entry.refusal ? this.#tell.outgoing(entry, "failed") : this.#upload(entry);
  }

  stop() {
    this.#unwatch?.();
    window.removeEventListener("pagehide", this.#leave);
    clearTimeout(this.#gapTimer);
    clearTimeout(this.#ackTimer);
    this.#leaving.abort();
    this.#connection.stop();
  }

  /** Free text, perhaps with files. All of it is kept until the server has it. */
  say(text, files = []) {
    if (files.length) this.#upload(this.#outgoing.hold(text, files));
    else this.#dispatch(this.#outgoing.add({ type: "text", text }, text));
  }

  /** Fetch a file and let the browser keep it. @returns {Promise<boolean>} whether it could be had */
  async download({ id, name }) {
    const blob = await this.fetchFile({ id });
    if (!blob) return false; // the customer sees it and can press again
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return true;
  }

  /** @returns {Promise<Blob|null>} a file of this conversation; null when it cannot be had */
  async fetchFile({ id }) {
    try {
      const { visitor } = await this.#session.open();
      const headers = { Authorization: `Bearer ${visitor}` };
      const address = `${this.#server}/chat/v1/files/${encodeURIComponent(id)}`;
      const answer = await fetch(address, { headers, credentials: "omit" });
      return answer.ok ? await answer.blob() : null;
    } catch {
      return null; // no connection
    }
  }

  /** A button; its title is what the customer's line says. */
  press(button) {
    this.#dispatch(this.#outgoing.add({ type: "press", press_id: button.id }, button.title));
  }

  retry(clientId) {
    const entry = this.#outgoing.retry(clientId);
    if (entry) isHeld(entry) ? this.#upload(entry) : this.#dispatch(entry);
  }

  discard(clientId) {
    this.#outgoing.settle(clientId);
    this.#tell.gone(clientId);
  }

  typing() {
    if (!this.#online || Date.now() - this.#typingSentAt < TYPING_SENT_EVERY_MS) return;
    this.#typingSentAt = Date.now();
    this.#connection.send({ type: "typing" });
  }

  /** A person looks at the messages: nothing is unread any more, here and in other tabs. */
  markSeen() {
    const { last } = this.#history;
    if (!this.#id || last <= this.#seen) return;
    this.#store.set(SEEN, { conversation: this.#id, seq: last });
    if (this.#online) this.#connection.send({ type: "seen", seq: last });
  }

  get unread() {
    const seen = this.#seen;
    return this.#history.messages.filter(({ seq, author }) => seq > seen && (author === "assistant" || author === "agent"))
      .length;
  }

  get messages() {
    return this.#history.messages;
  }

  get hasEarlier() {
    return this.#history.floor > 0 && this.#history.messages.length > 0;
  }

  /** Ask the server for older messages. */
  loadEarlier() {
    this.#history.widen(this.#history.floor - FIRST_PAGE);
    this.#widening = true;
    this.#tell.catchingUp(true);
    this.#connection.restart();
  }

  /** Tell the view again about every line that is on its way. */
  showOutgoing() {
    const shown = this.#outgoing.entries.filter((entry) => !isHeld(entry) || entry.files); // others are fetched
    for (const entry of shown) this.#tell.outgoing(entry, this.#stateOf(entry));
  }

  // --- from the server ---

  #received(frame) {
    switch (frame.type) {
      case "welcome":
        this.#welcomed(frame);
        break;
      case "message":
        if (Number.isInteger(frame.seq)) this.#message(frame);
        break;
      case "ack":
        this.#acknowledged(frame.client_id);
        break;
      case "refused":
        this.#refused(frame);
        break;
      case "owner":
        this.#tell.owner(frame.owner);
        break;
      case "typing":
        this.#tell.typing(frame.author, Boolean(frame.on));
        break;
      default: // pong, and what later versions may add
    }
  }

  #welcomed({ conversation_id, last_seq, owner }) {
    if (this.#id !== null && this.#id !== conversation_id) {
      this.#tell.reset();
      this.#history.begin(Math.max(0, last_seq - FIRST_PAGE));
      this.#baseline = null;
      this.showOutgoing();
    }
    this.#id = conversation_id;
    this.#baseline ??= last_seq;
    this.#target = last_seq;
    this.#tell.owner(owner);
    if (!this.#widening) this.#checkCaughtUp();
  }

  #message(frame) {
    if (frame.client_id && this.#outgoing.settle(frame.client_id)) this.#expectAcks();
    this.#show(this.#history.take(frame));
    clearTimeout(this.#gapTimer);
    if (this.#history.missing !== null) this.#gapTimer = setTimeout(() => this.#fillGap(), GAP_PATIENCE_MS);
    this.#checkCaughtUp(frame.seq);
  }

  #show(messages) {
    if (messages.length === 0) return;
    for (const { author } of messages) this.#tell.typing(author, false);
    const baseline = this.#baseline ?? Infinity;
    const old = messages.filter(({ seq }) => seq <= baseline);
    const fresh = messages.filter(({ seq }) => seq > baseline);
    if (old.length) this.#tell.messages(old, false);
    if (fresh.length) this.#tell.messages(fresh, true);
  }

  /** A number is missing: have the server repeat; when it does not have it either, go on without. */
  #fillGap() {
    const { missing } = this.#history;
    if (missing === null) return;
    if (missing === this.#gapAskedFor) {
      this.#show(this.#history.acceptHole());
      this.#checkCaughtUp();
    } else {
      this.#gapAskedFor = missing;
      this.#connection.restart();
    }
  }

  #checkCaughtUp(seq = this.#history.last) {
    if (this.#target === null || seq < this.#target) return;
    this.#target = null;
    this.#widening = false;
    this.#tell.catchingUp(false);
  }

  #acknowledged(clientId) {
    this.#ackWithin = ACK_WITHIN_MS;
    const entry = this.#outgoing.settle(clientId);
    if (entry) this.#tell.outgoing(entry, "sent");
    this.#expectAcks();
  }

  #refused({ client_id: clientId, code, text }) {
    if (!clientId) {
      console.warn(`zabota-chat: refused, ${code}`);
      return;
    }
    const entry = this.#outgoing.refuse(clientId, { code, text });
    if (entry) this.#tell.outgoing(entry, "failed");
    this.#expectAcks();
  }

  // --- to the server ---

  #dispatch(entry) {
    this.#typingSentAt = 0;
    if (this.#online) this.#connection.send(entry.frame);
    this.#tell.outgoing(entry, this.#stateOf(entry));
    this.#expectAcks();
  }

  /** Sent under one client id until the server has answered: a repeat is recognised there. */
  async #upload(entry, tries = 1) {
    const { signal } = this.#leaving;
    const show = (share) => {
      entry.progress = share;
      if (this.#outgoing.get(entry.frame.client_id) === entry) this.#tell.outgoing(entry, this.#stateOf(entry));
    };
    show(0);
    try {
      const { visitor } = await this.#session.open(signal);
      const { text, files, frame } = entry;
      const clientId = frame.client_id;
      this.#received(await upload({ server: this.#server, visitor, clientId, text, files, onProgress: show, signal }));
    } catch {
      if (signal.aborted || this.#outgoing.get(entry.frame.client_id) !== entry) return;
      if (tries < UPLOAD_TRIES) setTimeout(() => signal.aborted || this.#upload(entry, tries + 1), UPLOAD_AGAIN_MS * tries);
      else this.#refused({ client_id: entry.frame.client_id, code: "network", text: "" });
    }
  }

  #stateOf(entry) {
    if (entry.refusal) return "failed";
    return this.#online ? "sending" : "waiting";
  }

  get #unacknowledged() {
    return this.#outgoing.entries.filter((entry) => !entry.refusal && !isHeld(entry));
  }

  /** Without an acknowledgement in time the connection is taken for dead; the next one sends everything again. */
  #expectAcks() {
    clearTimeout(this.#ackTimer);
    if (!this.#online || this.#unacknowledged.length === 0) return;
    this.#ackTimer = setTimeout(() => {
      this.#ackWithin = Math.min(ACK_WITHIN_MOST_MS, this.#ackWithin * 2);
      this.#connection.restart();
    }, this.#ackWithin);
  }

  // --- around ---

  #connectionState(state) {
    this.#online = state === "online";
    if (this.#online) {
      for (const { frame } of this.#unacknowledged) this.#connection.send(frame);
      const seen = this.#seen;
      if (seen > 0) this.#connection.send({ type: "seen", seq: seen });
    } else {
      for (const author of ["assistant", "agent"]) this.#tell.typing(author, false);
    }
    if (state !== "connecting") this.showOutgoing();
    this.#tell.connection(state);
    this.#expectAcks();
  }

  #resumeAfter(session) {
    if (this.#id === null) this.#history.begin(Math.max(0, session.last_seq - FIRST_PAGE));
    else if (session.conversation_id !== this.#id) return Math.max(0, session.last_seq - FIRST_PAGE);
    return this.#widening ? this.#history.floor : this.#history.last;
  }

  get #seen() {
    const seen = this.#store.get(SEEN);
    return seen?.conversation === this.#id ? seen.seq : 0;
  }

  #storedElsewhere(key, value) {
    if (key === SEEN) this.#tell.seen();
    // Another tab delivered (or dropped) a line that this one also carries. Whether it is in the conversation,
    // the server's message will tell.
    const clientId = Outgoing.clientIdOf(key);
    if (clientId && value === null && this.#outgoing.settle(clientId)) this.#tell.gone(clientId);
  }

  /** The page goes away: one last try for what is still here. Should it fail, the next page sends it. */
  #left(event) {
    const { visitor } = this.#session;
    for (const { frame } of visitor ? this.#unacknowledged : []) {
      postFrame(this.#server, visitor, frame, { keepalive: true }).catch(() => {});
    }
    if (event.persisted) this.#connection.pause();
  }
}

/** Where the files that a customer has chosen and not sent are kept. @param {string|null} user of the host site */
export function draftOf(user) {
  return `draft ${user ?? ""} `;
}
