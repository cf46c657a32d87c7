// What the pages of the desk need beyond htmx: the end of the log in sight, keys, typing, a kept text.
import { showTimes } from "./times.js";

const notice = document.getElementById("notice");
const dialogue = document.querySelector("main.dialogue");
const composer = document.getElementById("composer");
const TYPING_STOPS = 4000; // ms without a key

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

function showWaiting() {
  const counted = document.querySelector("[data-waiting]")?.dataset.waiting;
  if (counted === undefined) return;
  const title = document.title.replace(/^\(\d+\) /, "");
  document.title = counted === "0" ? title : `(${counted}) ${title}`;
}

let wasAtEnd = true;
let focusedRow = null; // its address: the list is drawn anew whenever something happens anywhere
document.body.addEventListener("htmx:beforeSwap", (event) => {
  focusedRow = document.activeElement?.closest("ul.rows a")?.getAttribute("href") ?? null;
  const log = document.querySelector("ol.log");
  wasAtEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const { status } = event.detail.xhr;
  if (status === 409 || status === 422) say(event.detail.xhr.responseText);
  if (status === 409) setTimeout(() => location.reload(), 2500);
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  showTimes(event.detail.elt);
  showWaiting();
  if (focusedRow && event.detail.target.id === "rows")
    document.querySelector(`ul.rows a[href="${CSS.escape(focusedRow)}"]`)?.focus();
  if (event.detail.target.id !== "log") return;
  if (wasAtEnd) toEnd();
  // Somebody else took the dialogue, or it came back to us: the page around the log is no longer true.
  const epoch = document.querySelector("ol.log")?.dataset.epoch;
  if (epoch !== dialogue?.dataset.epoch) location.reload();
});
document.body.addEventListener("htmx:sendError", () => say(notice.dataset.broken));

if (composer) {
  const text = composer.querySelector("textarea");
  const id = composer.querySelector("[name=client_id]");
  const kept = `zabota-desk:${location.pathname}`;
  const send = `${composer.getAttribute("hx-post").replace(/answer$/, "typing")}`;
  text.value = sessionStorage.getItem(kept) ?? "";
  id.value = crypto.randomUUID(); // the same one until the answer was taken: a double click says it once
  text.focus();

  let typing = false;
  let silence;
  const tell = (on) => {
    if (on === typing) return;
    typing = on;
    const body = new URLSearchParams({ epoch: dialogue.dataset.epoch, on: on ? "1" : "0" });
    const headers = JSON.parse(document.body.getAttribute("hx-headers"));
    fetch(send, { method: "POST", body, headers }).catch(() => {});
  };
  text.addEventListener("input", () => {
    sessionStorage.setItem(kept, text.value);
    tell(text.value.trim() !== "");
    clearTimeout(silence);
    silence = setTimeout(() => tell(false), TYPING_STOPS);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      composer.requestSubmit();
    }
  });
  composer.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== composer || !event.detail.successful) return;
    text.value = "";
    sessionStorage.removeItem(kept);
    id.value = crypto.randomUUID();
    typing = false;
    toEnd();
    text.focus();
  });
}

// Keys, while no field has the focus: t takes, b hands back, r resolves, j and k walk through the list.
document.addEventListener("keydown", (event) => {
  const inField = event.target.closest("input, textarea, select, [contenteditable]");
  if (inField || event.ctrlKey || event.altKey || event.metaKey) return;
  const button = document.querySelector(`button[data-key="${CSS.escape(event.key)}"]`);
  if (button) return button.click();
  if (event.key !== "j" && event.key !== "k") return;
  const links = [...document.querySelectorAll("ul.rows a")];
  const here = links.findIndex((link) => link.matches("[aria-current]") || link === document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, here + (event.key === "j" ? 1 : -1)))]?.focus();
});

showTimes();
showWaiting();
toEnd();
