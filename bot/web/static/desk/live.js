// What changes elsewhere: rows of the list, its lengths, the open dialogue, who is typing.
import { call } from "./calls.js";
import { showTimes } from "./times.js";

const rows = document.getElementById("rows");
const dialogue = document.querySelector("main.dialogue");
const typing = document.getElementById("typing");
const TYPING_FADES = 6000; // ms after the last sign

function place(list, item) {
  const rank = Number(item.dataset.rank);
  const next = [...list.querySelectorAll("li[data-rank]")].find((other) => Number(other.dataset.rank) > rank);
  const before = next ?? list.querySelector("li.more");
  // Beyond the page that is shown there may be others in between: they come by «more».
  if (!next && list.querySelector("li.more")) return;
  list.insertBefore(item, before);
}

function change({ id, rank, html }) {
  const old = rows.querySelector(`li[data-id="${CSS.escape(id)}"]`);
  const focused = old?.contains(document.activeElement);
  if (!html) {
    if (focused) (old.nextElementSibling ?? old.previousElementSibling)?.querySelector("a")?.focus();
    return old?.remove();
  }
  const holder = document.createElement("template");
  holder.innerHTML = html; // drawn by our server, which escapes what customers write
  const item = holder.content.querySelector("li");
  item.dataset.rank = rank;
  const link = item.querySelector("a");
  link.href = `${link.getAttribute("href")}?${rows.dataset.query}`;
  if (id === rows.dataset.open) link.setAttribute("aria-current", "true");
  if (!old) item.classList.add("fresh");
  old?.remove();
  place(rows, item);
  showTimes(item);
  if (focused) link.focus({ preventScroll: true });
}

function count(counts) {
  for (const [view, number] of Object.entries(counts)) {
    const badge = document.querySelector(`[data-count="${view}"]`);
    if (!badge) continue;
    if (view === "mentions" && number > Number(badge.textContent || 0)) call({ kind: "mentioned", id: "", key: `mentioned ${Date.now()}`, name: "", line: "" });
    badge.textContent = number < 100 ? number : "99+";
    badge.hidden = number === 0;
  }
  const waiting = counts.queue ?? 0;
  const title = document.title.replace(/^\(\d+\) /, "");
  document.title = waiting ? `(${waiting}) ${title}` : title;
}

let fading;
function customerTypes() {
  if (!typing) return;
  typing.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (typing.hidden = true), TYPING_FADES);
}

export function listen() {
  const query = new URLSearchParams(rows.dataset.query);
  if (dialogue) {
    query.set("open", dialogue.dataset.id);
    query.set("state", dialogue.dataset.state); // as it was drawn: the server tells what was missed
  }
  const source = new EventSource(`/desk/events?${query}`);
  const on = (name, take) => source.addEventListener(name, (event) => take(JSON.parse(event.data)));
  on("rows", (changes) => {
    if (rows.dataset.found) return; // the list shows what was searched for
    changes.forEach(change);
    const empty = document.querySelector(".lists > .nothing");
    if (empty) empty.hidden = rows.querySelector("li") !== null;
  });
  on("counts", count);
  on("mine", (calls) => calls.forEach(call));
  on("typing", customerTypes);
  on("dialogue", () => {
    if (typing) typing.hidden = true;
    for (const part of document.querySelectorAll('[hx-trigger*="desk:dialogue"]')) window.htmx.trigger(part, "desk:dialogue");
  });
  on("reload", () => location.reload());
  window.addEventListener("pagehide", () => source.close());
}
