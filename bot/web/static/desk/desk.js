// The desk's pages: the end of the log in sight, messages to the agent, keys, parts that stay open or closed.
import { compose } from "./composer.js";
import { listen } from "./live.js";
import { showTimes } from "./times.js";

const notice = document.getElementById("notice");
const dialogue = document.querySelector("main.dialogue");
const rows = document.getElementById("rows");

function say(text) {
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (notice.hidden = true), 8000);
}

function toEnd() {
  const log = document.querySelector("ol.log");
  if (log) log.scrollTop = log.scrollHeight;
}

// A button that is drawn anew between press and release would lose the click: the log waits for the release.
const redraw = () => window.htmx.trigger(document.getElementById("log"), "desk:dialogue");
let pressed = false;
let waits = false;
document.addEventListener("pointerdown", (event) => (pressed = event.target.closest("#log :is(button, a, summary)") !== null));
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    pressed = false;
    if (waits) setTimeout(redraw); // after the click
    waits = false;
  });
}

// Somebody else took the dialogue, or it came back to us: the page around the log is no longer true. A deed of
// our own says itself where to go, and its news may come before its answer.
const moved = () => document.querySelector("ol.log")?.dataset.epoch !== dialogue?.dataset.epoch;
let deeds = 0;
document.body.addEventListener("htmx:beforeRequest", (event) => (deeds += event.detail.requestConfig.verb === "post"));
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  deeds -= 1;
  const { xhr } = event.detail;
  if (xhr.status < 400 && !xhr.getResponseHeader("HX-Redirect") && moved()) location.reload();
});

let wasAtEnd = true;
let logHadFocus = false;
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const log = document.querySelector("ol.log");
  logHadFocus = log?.contains(document.activeElement) ?? false;
  wasAtEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const { status } = event.detail.xhr;
  if (status === 409 || status === 422) say(event.detail.xhr.responseText);
  if (status === 409) setTimeout(() => location.reload(), 2500);
  if (event.detail.target.id !== "log") return;
  // A form in the log (an intent is being corrected) is not taken away by news.
  if (pressed || document.querySelector("#log .teach")) event.detail.shouldSwap = false;
  waits = pressed;
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  showTimes(event.detail.target.isConnected ? event.detail.target : document);
  if (event.detail.target.id === "rows") {
    rows.dataset.found = "1";
    document.querySelector(".lists > .nothing")?.setAttribute("hidden", "");
  }
  if (event.detail.target.id !== "log") return;
  if (wasAtEnd) toEnd();
  if (logHadFocus) document.querySelector("ol.log")?.focus({ preventScroll: true });
  if (!deeds && moved()) location.reload();
});
document.body.addEventListener("htmx:afterSettle", () => document.querySelector(".teach select")?.focus());
document.body.addEventListener("htmx:sendError", () => say(notice.dataset.broken));

// Parts beside the dialogue stay as they were left.
for (const part of document.querySelectorAll("details[data-keep]")) {
  const key = `zabota-desk:part:${part.dataset.keep}`;
  const kept = localStorage.getItem(key);
  if (kept) part.open = kept === "open";
  part.addEventListener("toggle", () => localStorage.setItem(key, part.open ? "open" : "closed"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-opens]");
  const sheet = button && document.getElementById(button.dataset.opens);
  if (!sheet) return;
  sheet.hidden = !sheet.hidden;
  button.setAttribute("aria-expanded", String(!sheet.hidden));
  if (!sheet.hidden) sheet.querySelector("select, input:not([type=hidden])")?.focus();
});

// Keys, while no field has the focus; Escape leaves a field.
document.addEventListener("keydown", (event) => {
  const inField = event.target.closest("input, textarea, select, [contenteditable]");
  if (inField && event.key === "Escape") return (document.querySelector("ol.log") ?? rows.querySelector("a"))?.focus();
  if (inField || event.ctrlKey || event.altKey || event.metaKey) return;
  const control = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (control) {
    event.preventDefault();
    return control.matches("input") ? control.focus() : control.click();
  }
  if (event.key !== "j" && event.key !== "k") return;
  const links = [...rows.querySelectorAll("li[data-id] a")];
  const focused = links.indexOf(document.activeElement);
  const here = focused >= 0 ? focused : links.findIndex((link) => link.matches("[aria-current]"));
  links[Math.max(0, Math.min(links.length - 1, here + (event.key === "j" ? 1 : -1)))]?.focus();
});

showTimes();
compose(toEnd);
listen();
toEnd();
