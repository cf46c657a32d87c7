/** The launcher and the dialog it opens. */

import { Composer } from "./composer.js";
import { h } from "./dom.js";
import * as icons from "./icons.js";
import { Thread } from "./thread.js";

const OFFLINE_SHOWN_AFTER_MS = 1_500;
const FULL_SCREEN = matchMedia("(max-width: 479px)");

export class Panel {
  #texts;
  #launcher;
  #badge;
  #dialog;
  #status;
  #banner;
  #opened = false;
  #connection = "connecting";
  #wasOnline = false;
  #speaker = "bot";
  #offlineTimer = 0;
  #pageOverflow = null;
  #viewport = () => this.#fit();

  /** @param {{open: Function, close: Function}} on and what Thread and Composer ask for */
  constructor({ texts, name, heading, starters, tab, kept, on }) {
    this.#texts = texts;
    this.thread = new Thread({ texts, name, heading, starters, on });
    this.composer = new Composer({ texts, tab, kept, on });
    this.#badge = h("span", { class: "badge", hidden: true, "aria-hidden": "true" });
    this.#launcher = h(
      "button",
      { class: "launcher", type: "button", "aria-expanded": "false", "aria-controls": "dialog", onclick: () => (this.#opened ? on.close() : on.open()) },
      h("span", { class: "face when-closed" }, icons.mark(30)),
      h("span", { class: "face when-open" }, icons.chevronDown(26)),
      this.#badge,
    );
    this.#status = h("span", { class: "status" });
    this.#banner = h("div", { class: "banner", role: "status" });
    this.#dialog = h(
      "section",
      { class: "dialog", id: "dialog", role: "dialog", "aria-label": `${texts.dialogLabel}: ${name}`, tabindex: "-1", inert: true },
      h(
        "header",
        {},
        h("span", { class: "avatar assistant big", "aria-hidden": "true" }, icons.mark(24)),
        h("div", { class: "who" }, h("strong", {}, name), this.#status),
        h("button", { class: "close", type: "button", "aria-label": texts.close, title: texts.close, onclick: () => on.close() }, icons.cross(20)),
      ),
      this.#banner,
      this.thread.element,
      this.composer.element,
      h("div", { class: "drop", "aria-hidden": "true" }, icons.clip(26), texts.dropHere),
    );
    this.#acceptDrops();
    this.element = h(
      "div",
      { class: "root", lang: texts.language, onkeydown: (event) => this.#key(event, on) },
      this.#dialog,
      this.#launcher,
    );
    this.unread = 0;
    this.#say();
    FULL_SCREEN.addEventListener("change", this.#viewport);
    window.visualViewport?.addEventListener("resize", this.#viewport);
    window.visualViewport?.addEventListener("scroll", this.#viewport);
  }

  dispose() {
    clearTimeout(this.#offlineTimer);
    FULL_SCREEN.removeEventListener("change", this.#viewport);
    window.visualViewport?.removeEventListener("resize", this.#viewport);
    window.visualViewport?.removeEventListener("scroll", this.#viewport);
    this.#lockPage(false);
    this.thread.dispose();
  }

  /** Files dropped anywhere on the dialog. The page behind must not open them instead. */
  #acceptDrops() {
    const dialog = this.#dialog;
    const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
    const over = (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      dialog.classList.add("dropping");
    };
    const leave = (event) => dialog.contains(event.relatedTarget) || dialog.classList.remove("dropping");
    const drop = (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      dialog.classList.remove("dropping");
      this.composer.attach(event.dataTransfer.files);
      this.composer.focus();
    };
    dialog.addEventListener("dragenter", over);
    dialog.addEventListener("dragover", over);
    dialog.addEventListener("dragleave", leave);
    dialog.addEventListener("drop", drop);
  }

  static get fullScreen() {
    return FULL_SCREEN.matches;
  }

  get opened() {
    return this.#opened;
  }

  open({ focus }) {
    this.#opened = true;
    this.element.classList.add("opened");
    this.#dialog.inert = false;
    this.#launcher.setAttribute("aria-expanded", "true");
    this.#nameLauncher();
    this.#fit();
    this.composer.resize();
    this.thread.toBottom();
    // On a touch screen, focus in the field would cover the conversation with a keyboard nobody asked for.
    if (focus) matchMedia("(pointer: coarse)").matches ? this.#dialog.focus({ preventScroll: true }) : this.composer.focus();
  }

  close({ focus }) {
    this.#opened = false;
    this.element.classList.remove("opened");
    this.#dialog.inert = true;
    this.#launcher.setAttribute("aria-expanded", "false");
    this.#nameLauncher();
    this.#fit();
    if (focus) this.#launcher.focus({ preventScroll: true });
  }

  /** After a press or a starter: the button is disabled now, and focus must not fall off the page. */
  keepFocus() {
    matchMedia("(pointer: coarse)").matches ? this.#dialog.focus({ preventScroll: true }) : this.composer.focus();
  }

  #unread = 0;

  set unread(count) {
    this.#unread = count;
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > 99 ? "99+" : String(count);
    this.#nameLauncher();
  }

  set connection(state) {
    if (state === "online") this.#wasOnline = true;
    // A resumption on purpose takes a moment; it is no news for the customer.
    if (state === "connecting" && this.#wasOnline) return;
    this.#connection = state;
    clearTimeout(this.#offlineTimer);
    if (state === "offline") this.#offlineTimer = setTimeout(() => this.#say(true), OFFLINE_SHOWN_AFTER_MS);
    else this.#say();
  }

  /** @param {"bot"|"queue"|"agent"} speaker who answers now, as far as this page knows */
  set speaker(speaker) {
    this.#speaker = speaker;
    this.#say(this.#connection === "offline" && this.#banner.childElementCount > 0);
  }

  #say(offline = false) {
    const texts = this.#texts;
    const words = { bot: texts.statusOnline, queue: texts.statusQueue, agent: texts.statusAgent }[this.#speaker];
    const state = offline ? "offline" : this.#wasOnline ? "online" : "connecting";
    this.#status.textContent = { offline: texts.statusOffline, connecting: texts.statusConnecting }[state] ?? words ?? texts.statusOnline;
    this.#status.dataset.state = state;
    this.#banner.replaceChildren(
      ...(offline ? [icons.noSignal(18), h("span", {}, navigator.onLine ? texts.offlineServer : texts.offlineBrowser)] : []),
    );
  }

  #nameLauncher() {
    const texts = this.#texts;
    const words = this.#opened ? texts.launcherClose : texts.launcherOpen;
    const unread = !this.#opened && this.#unread > 0 ? `, ${texts.count(texts.unread, this.#unread)}` : "";
    this.#launcher.setAttribute("aria-label", words + unread);
  }

  #key(event, on) {
    if (!this.#opened) return;
    if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation();
      on.close();
    } else if (event.key === "Tab" && FULL_SCREEN.matches) this.#cycle(event);
  }

  /** In full screen the page behind cannot be seen, so Tab stays inside. */
  #cycle(event) {
    const stops = [...this.#dialog.querySelectorAll("button, textarea, a[href], [tabindex='0']")].filter(
      (element) => !element.disabled && element.getClientRects().length > 0,
    );
    const here = this.element.getRootNode().activeElement;
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (here !== edge && here !== this.#dialog) return;
    if (here === this.#dialog && !event.shiftKey) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0]).focus();
  }

  /** Full screen follows the part of the page that the phone's keyboard leaves visible. */
  #fit() {
    const full = this.#opened && FULL_SCREEN.matches;
    this.#lockPage(full);
    full ? this.#dialog.setAttribute("aria-modal", "true") : this.#dialog.removeAttribute("aria-modal");
    const viewport = window.visualViewport;
    for (const [name, value] of [
      ["--height", viewport?.height],
      ["--top", viewport?.offsetTop],
    ]) {
      if (full && value !== undefined) this.#dialog.style.setProperty(name, `${value}px`);
      else this.#dialog.style.removeProperty(name);
    }
  }

  #lockPage(lock) {
    const { style } = document.documentElement;
    if (lock && this.#pageOverflow === null) {
      this.#pageOverflow = style.overflow;
      style.overflow = "hidden";
    } else if (!lock && this.#pageOverflow !== null) {
      style.overflow = this.#pageOverflow;
      this.#pageOverflow = null;
    }
  }
}
