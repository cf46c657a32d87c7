/** Where the customer writes. */

import { h } from "./dom.js";
import * as icons from "./icons.js";
import { Tray } from "./tray.js";

export const TEXT_LIMIT = 4000; // characters, as people and the server count them (code points)
const WARN_BELOW = 400;
const DRAFT = "draft";

export class Composer {
  #texts;
  #tab;
  #on;
  #input;
  #send;
  #counter;
  #tray;

  /**
   * @param {{say: (text: string, files: File[]) => void, typing: () => void}} on
   * @param {object} kept where the files that are chosen outlive a reload
   */
  constructor({ texts, tab, kept, on }) {
    this.#texts = texts;
    this.#tab = tab;
    this.#on = on;
    this.#input = h("textarea", {
      rows: 1,
      placeholder: texts.inputPlaceholder,
      "aria-label": texts.inputLabel,
      "aria-describedby": "hint counter",
      enterkeyhint: "send",
      autocomplete: "off",
      oninput: () => this.#edited(),
      onkeydown: (event) => this.#key(event),
      onpaste: (event) => this.#pasted(event),
    });
    this.#tray = new Tray({ texts, kept, changed: () => this.#measure() });
    this.#send = h("button", { class: "send", type: "submit", "aria-label": texts.send, title: texts.send }, icons.arrowUp(20));
    this.#counter = h("div", { class: "counter", id: "counter", "aria-live": "polite" });
    this.element = h(
      "form",
      { class: "composer", onsubmit: (event) => this.#submit(event) },
      this.#tray.element,
      h("div", { class: "field" }, this.#tray.button, this.#input, this.#send),
      this.#counter,
      h("span", { class: "hidden", id: "hint" }, texts.inputHint),
    );
    this.#input.value = tab.get(DRAFT) ?? "";
    this.#measure();
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  /** Put a question into the field, for the customer to send or change. */
  suggest(text) {
    this.#input.value = text;
    this.#edited();
  }

  /** @param {Iterable<File>} files to go out with what is written */
  attach(files) {
    this.#tray.add(files);
  }

  /** The field's height follows its text; call again when it becomes visible. */
  resize() {
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }

  #edited() {
    this.#tab.set(DRAFT, this.#input.value);
    this.#measure();
    if (this.#input.value.trim()) this.#on.typing();
  }

  #measure() {
    const left = TEXT_LIMIT - length(this.#input.value.trim());
    const texts = this.#texts;
    this.#counter.textContent =
      left < 0 ? texts.count(texts.over, -left) : left < WARN_BELOW ? texts.count(texts.left, left) : "";
    this.#counter.classList.toggle("over", left < 0);
    this.#input.setAttribute("aria-invalid", String(left < 0));
    this.#send.disabled = left < 0 || (left === TEXT_LIMIT && this.#tray.files.length === 0);
    this.resize();
  }

  #key(event) {
    // An input method uses Enter to choose a word (229: Safari says so only after the fact).
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.element.requestSubmit();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    if ((text === "" && this.#tray.files.length === 0) || length(text) > TEXT_LIMIT) return;
    const files = this.#tray.take();
    this.#input.value = "";
    this.#tab.remove(DRAFT);
    this.#measure();
    this.focus(); // the button that was pressed is disabled now
    this.#on.say(text, files);
  }

  /** A picture from the clipboard is attached; text goes into the field as usual. */
  #pasted(event) {
    const { files } = event.clipboardData;
    if (files.length === 0) return;
    event.preventDefault();
    this.attach(files);
  }
}

function length(text) {
  return text.length < TEXT_LIMIT - WARN_BELOW ? text.length : [...text].length;
}
