// Keys of the inbox, and times in the reader's own zone. j and k move, the rest presses what it names.
const cards = () => [...document.querySelectorAll("article.group")];
let place = 0;

function go(to) {
  const all = cards();
  place = Math.max(0, Math.min(all.length - 1, to));
  (all[place] ?? document.querySelector("[data-undo]"))?.focus();
}

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:empty"))
    time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang);
}

document.addEventListener("focusin", (event) => {
  const card = event.target.closest("article.group");
  if (card) place = cards().indexOf(card);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return go(place); // out of a field, back to the card
  if (event.target.closest("input, textarea, select") || event.ctrlKey || event.altKey || event.metaKey) return;
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") return go(place + (key === "j" ? 1 : -1));
  if (key === "u") return document.querySelector("[data-undo]")?.click();
  const card = cards()[place];
  const field = card?.querySelector(`[data-focus="${CSS.escape(key)}"]`);
  if (field) {
    event.preventDefault();
    return field.focus();
  }
  const deed = card?.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!deed) return;
  event.preventDefault();
  deed.click();
  if (deed.tagName === "SUMMARY") deed.parentElement.querySelector("input")?.focus();
});

document.body.addEventListener("htmx:afterSettle", (event) => {
  showTimes(document);
  if (event.target.id === "groups") go(place); // the next group stands where the decided one stood
});

showTimes(document);
if (document.getElementById("groups")) go(0);
