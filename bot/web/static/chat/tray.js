/** The files that go out with the next message: chosen, dropped or pasted, and still to be taken back. */

import { ACCEPTED, obstacle } from "./files.js";
import { h } from "./dom.js";
import * as icons from "./icons.js";

export class Tray {
  #texts;
  #changed;
  #files = [];
  #kept;
  #picker;
  #list;
  #problem;

  /**
   * @param {() => void} changed called after every change
   * @param {{get: Function, put: Function, remove: Function}} kept the files that were here before a reload
   */
  constructor({ texts, changed, kept }) {
    this.#texts = texts;
    this.#kept = kept;
    this.#changed = changed;
    this.#picker = h("input", { type: "file", multiple: true, accept: ACCEPTED, hidden: true, onchange: () => this.#picked() });
    this.button = h(
      "button",
      { class: "attach", type: "button", "aria-label": texts.attach, title: texts.attach, onclick: () => this.#picker.click() },
      icons.clip(20),
    );
    this.#list = h("ul", { class: "files", "aria-label": texts.chosenFiles, hidden: true });
    this.#problem = h("div", { class: "problem", role: "alert" });
    this.element = h("div", { class: "tray" }, this.#picker, this.#problem, this.#list);
    this.#restore();
  }

  get files() {
    return this.#files;
  }

  /** @param {Iterable<File>} files added to those that are there, unless it cannot be */
  add(files) {
    const wanted = [...this.#files, ...files];
    const why = obstacle(wanted, this.#texts);
    if (!why) this.#files = wanted;
    this.#show(why);
    this.#keep();
  }

  /** @returns {File[]} what was there; the tray is empty now */
  take() {
    const taken = this.#files;
    this.#files = [];
    this.#show(null);
    this.#keep();
    return taken;
  }

  async #restore() {
    const files = await this.#kept.get();
    if (files.length) this.add(files);
  }

  #keep() {
    this.#files.length ? this.#kept.put(this.#files) : this.#kept.remove();
  }

  #picked() {
    this.add(this.#picker.files);
    this.#picker.value = ""; // the same file may be chosen again
    this.button.focus();
  }

  #remove(file) {
    const at = this.#files.indexOf(file);
    this.#files = this.#files.filter((other) => other !== file);
    this.#show(null);
    this.#keep();
    const rest = this.#list.querySelectorAll("button");
    (rest[Math.min(at, rest.length - 1)] ?? this.button).focus(); // the pressed button is gone
  }

  #show(why) {
    const texts = this.#texts;
    this.#problem.textContent = why ?? "";
    this.#list.hidden = this.#files.length === 0;
    this.#list.replaceChildren(
      ...this.#files.map((file) =>
        h(
          "li",
          {},
          icons.file(18),
          h("span", { class: "name" }, file.name),
          h("span", { class: "size" }, texts.size(file.size)),
          h(
            "button",
            { type: "button", "aria-label": texts.removeFile(file.name), title: texts.removeFile(file.name), onclick: () => this.#remove(file) },
            icons.cross(16),
          ),
        ),
      ),
    );
    this.#changed();
  }
}
