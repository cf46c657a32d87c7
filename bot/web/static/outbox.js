/** Keeps the list of the demo's outgoing messages fresh, and makes its codes easy to copy. */

const EVERY_MS = 2500;
const list = document.getElementById("notices");
const stale = document.querySelector(".stale");
const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

let shown = list.innerHTML; // as the server wrote it
enrich();
setTimeout(refresh, EVERY_MS);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && update());

async function refresh() {
  if (document.visibilityState === "visible") await update();
  setTimeout(refresh, EVERY_MS);
}

async function update() {
  try {
    const response = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("notices");
    stale.textContent = "";
    if (!fresh || fresh.innerHTML === shown) return; // nothing new: nothing moves
    shown = fresh.innerHTML;
    list.replaceChildren(...fresh.childNodes);
    enrich();
  } catch {
    stale.textContent = stale.dataset.words;
  }
}

/** Times in the reader's time zone; a button beside every code. */
function enrich() {
  for (const time of list.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.textContent = clock.format(at);
  }
  for (const text of list.querySelectorAll(".text")) {
    const code = /(?<![\d+№])\d{4,8}(?!\d)/.exec(text.textContent);
    if (!code) continue;
    const mark = document.createElement("b");
    mark.textContent = code[0];
    const [before, after] = [text.textContent.slice(0, code.index), text.textContent.slice(code.index + code[0].length)];
    text.replaceChildren(before, mark, after);
    if (navigator.clipboard) text.after(copier(code[0]));
  }
}

function copier(code) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = list.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code);
    button.textContent = list.dataset.copied;
  });
  return button;
}
