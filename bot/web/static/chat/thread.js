/** The list of what was said: one line a message, grouped, with days between. */

import { h } from "./dom.js";
import { isPicture, thumbnail } from "./files.js";
import * as icons from "./icons.js";
import { withLinks } from "./links.js";

const GROUP_WITHIN_MS = 5 * 60 * 1000;
const NEAR_BOTTOM_PX = 80;
const TYPING_FORGOTTEN_MS = 30_000;
const STATES = { sending: icons.clock, waiting: icons.clock, sent: icons.check, failed: icons.alert };

/**
 * @typedef {object} Line
 * @property {number} seq Infinity while it is on its way
 * @property {string=} clientId
 * @property {string} author
 * @property {Date} at
 * @property {HTMLElement} node
 * @property {HTMLElement} meta
 * @property {HTMLButtonElement[]} buttons
 */
export class Thread {
  #texts;
  #name;
  #on;
  #lines = [];
  #days = new Map(); // day → its separator
  #used = new Set(); // press ids
  #typingTimers = new Map(); // author → timer
  #log;
  #typing;
  #newer;
  #earlier;
  #starters;
  #arranging = false;
  #stick = true; // keep the newest line in view
  #resized;
  #looked; // pictures are fetched when they come into view
  #pictures = new Map(); // node of a file → the file

  /** @param {{press: Function, retry: Function, discard: Function, earlier: Function, say: Function, file: Function, picture: Function}} on */
  constructor({ texts, name, heading, starters, on }) {
    this.#texts = texts;
    this.#name = name;
    this.#on = on;
    this.#earlier = h(
      "button",
      { class: "earlier", type: "button", hidden: true, onclick: () => on.earlier() },
      texts.earlier,
    );
    this.#starters = h(
      "div",
      { class: "starters", role: "group", "aria-label": texts.startersLabel },
      ...starters.map((text) => h("button", { class: "choice", type: "button", onclick: () => on.say(text) }, text)),
    );
    this.#log = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": texts.threadLabel });
    this.#typing = h("div", { class: "typing", role: "status" });
    this.scroller = h(
      "div",
      { class: "scroller", tabindex: "0", role: "region", "aria-label": texts.threadLabel, onscroll: () => this.#scrolled() },
      h("div", { class: "intro" }, h("h2", {}, heading), h("p", {}, texts.intro), this.#starters),
      this.#earlier,
      this.#log,
      this.#typing,
    );
    this.#newer = h(
      "button",
      { class: "newer", type: "button", hidden: true, onclick: () => this.toBottom(true) },
      icons.arrowDown(16),
      texts.newer,
    );
    this.element = h("div", { class: "thread" }, this.scroller, this.#newer);
    // The keyboard of a phone or a growing text area takes room away: the last line stays visible.
    this.#resized = new ResizeObserver(() => this.#stick && this.toBottom());
    this.#resized.observe(this.scroller);
    this.#looked = new IntersectionObserver((seen) => seen.filter((one) => one.isIntersecting).forEach((one) => this.#unveil(one.target)), {
      root: this.scroller,
      rootMargin: "200px",
    });
  }

  dispose() {
    this.#resized.disconnect();
    this.#looked.disconnect();
    for (const timer of this.#typingTimers.values()) clearTimeout(timer);
  }

  /** @param {object[]} messages as the server numbered them */
  show(messages, fresh) {
    for (const message of messages) {
      const local = message.client_id && this.#lines.find((line) => line.clientId === message.client_id);
      if (message.press_id) this.#use(message.press_id);
      if (local) this.#number(local, message);
      else this.#add(message, fresh);
    }
    this.#arrange();
  }

  /** A line of the customer's that is not in the conversation yet. */
  outgoing(entry, state) {
    const clientId = entry.frame.client_id;
    let line = this.#lines.find((candidate) => candidate.clientId === clientId);
    if (line && line.seq !== Infinity) return;
    if (!line) {
      if (entry.frame.press_id) this.#use(entry.frame.press_id);
      const files = entry.files?.map((blob) => ({ name: blob.name, size: blob.size, type: blob.type, blob }));
      const message = { seq: Infinity, client_id: clientId, author: "customer", text: entry.text, at: entry.at, files };
      line = this.#add(message, true);
      this.#stick = true;
    }
    line.state = state;
    line.refusal = entry.refusal;
    this.#progress(line, state === "sending" ? entry.progress : undefined);
    this.#arrange();
  }

  gone(clientId) {
    const line = this.#lines.find((candidate) => candidate.clientId === clientId && candidate.seq === Infinity);
    if (!line) return;
    this.#remove(line);
    this.#arrange();
  }

  clear() {
    for (const line of [...this.#lines]) this.#remove(line);
    this.#used.clear();
    this.#arrange();
  }

  set earlierVisible(visible) {
    this.#earlier.hidden = !visible;
  }

  /** While the past is being loaded, a screen reader should not read it all aloud. */
  set busy(busy) {
    this.#log.setAttribute("aria-busy", String(busy));
  }

  typing(author, on) {
    clearTimeout(this.#typingTimers.get(author));
    this.#typingTimers.delete(author);
    if (on) this.#typingTimers.set(author, setTimeout(() => this.typing(author, false), TYPING_FORGOTTEN_MS));
    const who = this.#typingTimers.has("agent") ? "agent" : this.#typingTimers.has("assistant") ? "assistant" : null;
    if (this.#typing.dataset.who === (who ?? "")) return;
    this.#typing.dataset.who = who ?? "";
    this.#typing.replaceChildren();
    if (!who) return;
    const words = who === "agent" ? this.#texts.typingAgent : this.#texts.typingAssistant;
    this.#typing.append(
      avatar(who),
      h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
      h("span", { class: "hidden" }, words),
    );
    if (this.#stick) this.toBottom();
  }

  toBottom(smooth = false) {
    this.#stick = true;
    this.#newer.hidden = true;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: smooth && !calm() ? "smooth" : "instant" });
  }

  // --- lines ---

  #add(message, entering) {
    const { author } = message;
    const meta = h("div", { class: "meta" });
    const bubble = h("div", { class: "bubble" }, ...this.#content(message));
    const line = {
      bubble,
      blobs: message.files?.map(({ blob }) => blob),
      seq: message.seq,
      clientId: message.client_id,
      author,
      at: new Date(message.at),
      state: "sent",
      meta,
      buttons: author === "customer" ? [] : (message.buttons ?? []).map((button) => this.#button(button)),
    };
    line.node = h(
      "div",
      { class: `line ${["customer", "assistant", "agent"].includes(author) ? author : "system"}`, "data-seq": Number.isFinite(line.seq) ? line.seq : null },
      h("span", { class: "author" }, this.#authorName(author)),
      h("div", { class: "row" }, author === "assistant" || author === "agent" ? avatar(author) : null, bubble),
      meta,
      line.buttons.length
        ? h("div", { class: "choices", role: "group", "aria-label": this.#texts.buttonsLabel }, ...line.buttons)
        : null,
    );
    line.node.classList.toggle("enter", entering);
    this.#insert(line);
    return line;
  }

  #insert(line) {
    const before = this.#lines.findLastIndex(
      (other) => other.seq < line.seq || (other.seq === line.seq && other.at <= line.at),
    );
    this.#lines.splice(before + 1, 0, line);
  }

  /** A line that was on its way has its place now. It stays the same node, so that it is not read out twice. */
  #number(line, { seq, at, text, files }) {
    if (files) {
      const kept = files.map((file, n) => ({ ...file, blob: line.blobs?.[n] }));
      line.bubble.replaceChildren(...this.#content({ text, files: kept }));
    }
    this.#lines.splice(this.#lines.indexOf(line), 1);
    Object.assign(line, { seq, at: new Date(at), state: "sent", refusal: undefined });
    line.node.dataset.seq = seq;
    this.#insert(line);
  }

  #remove(line) {
    line.node.remove();
    this.#lines.splice(this.#lines.indexOf(line), 1);
  }

  #authorName(author) {
    return { customer: this.#texts.you, assistant: this.#name, agent: this.#texts.agent }[author] ?? this.#texts.system;
  }

  #button(button) {
    const press = () => {
      this.#use(button.id);
      this.#on.press(button);
    };
    return h("button", { class: "choice", type: "button", "data-press": button.id, onclick: press }, button.title);
  }

  #content({ text, files }) {
    return [...withLinks(text ?? ""), ...(files ?? []).map((file) => this.#file(file))];
  }

  /** How far an upload is; undefined: none is under way. */
  #progress(line, share) {
    if (share === undefined) {
      line.progress?.remove();
      line.progress = undefined;
      return;
    }
    if (!line.progress) {
      line.progress = h("progress", { max: 1, "aria-label": this.#texts.sending });
      line.bubble.append(line.progress);
    }
    line.progress.value = share;
  }

  /** A file of this conversation. It is fetched when it is asked for: its address alone opens nothing. */
  #file(file) {
    const fetchIt = async () => {
      if (!file.id) return; // on its way
      node.disabled = true;
      node.classList.toggle("lost", !(await this.#on.file(file)));
      node.disabled = false;
    };
    const size = h("span", { class: "size" }, this.#texts.size(file.size ?? 0));
    const node = h("button", { class: "file", type: "button", onclick: fetchIt }, icons.file(20), h("span", {}, file.name), size);
    if (isPicture(file)) {
      this.#pictures.set(node, file);
      this.#looked.observe(node);
    }
    return node;
  }

  async #unveil(node) {
    this.#looked.unobserve(node);
    const file = this.#pictures.get(node);
    this.#pictures.delete(node);
    const blob = file && (file.blob ?? (await this.#on.picture(file)));
    const picture = blob && (await thumbnail(blob, file.name));
    if (!picture) return;
    node.classList.add("picture");
    node.replaceChildren(picture);
    node.title = file.name;
    if (this.#stick) this.toBottom();
  }

  #use(pressId) {
    this.#used.add(pressId);
  }

  // --- arrangement ---

  /** Once after everything that happened in this task. */
  #arrange() {
    if (this.#arranging) return;
    this.#arranging = true;
    queueMicrotask(() => {
      this.#arranging = false;
      this.#arrangeNow();
    });
  }

  #arrangeNow() {
    const { scroller } = this;
    const heightBefore = scroller.scrollHeight;
    const firstBefore = this.#log.firstChild;
    const newestBefore = this.#log.lastChild;

    const wanted = [];
    const lastSpoken = this.#lines.findLast(({ author }) => author === "assistant" || author === "agent");
    this.#lines.forEach((line, i) => {
      const [before, after] = [this.#lines[i - 1], this.#lines[i + 1]];
      if (!before || before.at.toDateString() !== line.at.toDateString()) wanted.push(this.#day(line.at));
      line.node.classList.toggle("first", !together(before, line));
      line.node.classList.toggle("last", !together(line, after));
      const open = line === lastSpoken && !line.buttons.some((button) => this.#used.has(button.dataset.press));
      for (const button of line.buttons) {
        button.disabled = !open;
        button.classList.toggle("used", this.#used.has(button.dataset.press));
      }
      this.#describe(line, !together(line, after) || line.state !== "sent");
      wanted.push(line.node);
    });
    this.#place(wanted);
    this.#starters.hidden = this.#lines.length > 0 || this.#starters.childElementCount === 0;

    if (this.#stick) this.toBottom();
    else if (firstBefore !== this.#log.firstChild && newestBefore === this.#log.lastChild) {
      scroller.scrollTop += scroller.scrollHeight - heightBefore; // older lines came above: stay where one reads
    } else if (newestBefore !== this.#log.lastChild) this.#newer.hidden = false;
  }

  /** Make the log's children `wanted`, touching only what differs: a moved node is announced again. */
  #place(wanted) {
    const keep = new Set(wanted);
    for (const node of [...this.#log.childNodes]) if (!keep.has(node)) node.remove();
    wanted.forEach((node, i) => {
      if (this.#log.childNodes[i] !== node) this.#log.insertBefore(node, this.#log.childNodes[i] ?? null);
    });
  }

  #day(date) {
    const key = date.toDateString();
    if (!this.#days.has(key)) this.#days.set(key, h("div", { class: "day" }));
    const separator = this.#days.get(key);
    const words = this.#texts.day(date); // «Today» becomes «Yesterday» in a tab left open
    if (separator.textContent !== words) separator.textContent = words;
    return separator;
  }

  /** Time and state under the last line of a group; a failed one says why and what can be done. */
  #describe(line, visible) {
    const key = visible ? `${line.state} ${line.refusal?.code} ${+line.at}` : "";
    if (line.meta.dataset.key === key) return;
    line.meta.dataset.key = key;
    line.meta.replaceChildren();
    if (!visible || line.author === "system") return;
    const texts = this.#texts;
    line.meta.append(h("time", { datetime: line.at.toISOString() }, texts.time(line.at)));
    if (line.author !== "customer") return;
    const words = h("span", { class: line.state === "sent" ? "hidden" : "state" }, texts[line.state]);
    line.meta.append(STATES[line.state](14), words);
    if (line.state !== "failed") return;
    const { code, text } = line.refusal;
    const again = code === "rate_limited" || code === "stale" || !(code in texts.refused);
    line.meta.append(
      h("p", { class: "why" }, text || texts.refused[code] || texts.refused.other),
      again ? h("button", { class: "act", type: "button", onclick: () => this.#on.retry(line.clientId) }, texts.retry) : "",
      h("button", { class: "act", type: "button", onclick: () => this.#on.discard(line.clientId) }, texts.discard),
    );
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#stick = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    if (this.#stick) this.#newer.hidden = true;
  }
}

function together(one, other) {
  return Boolean(
    one &&
      other &&
      one.author === other.author &&
      one.buttons.length === 0 &&
      one.state === other.state &&
      other.at - one.at < GROUP_WITHIN_MS &&
      one.at.toDateString() === other.at.toDateString(),
  );
}

export function avatar(author) {
  return h("span", { class: `avatar ${author}`, "aria-hidden": "true" }, author === "agent" ? icons.person(18) : icons.mark(18));
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
