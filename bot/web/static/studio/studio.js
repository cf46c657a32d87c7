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

// The letter that stands on the key: whoever writes Russian need not change the layout to press J.
function latin(event) {
  const said = event.key.toLowerCase();
  return /^[a-zа-яё]$/.test(said) && !/[a-z]/.test(said) ? event.code.replace("Key", "").toLowerCase() : said;
}

document.addEventListener("focusin", (event) => {
  const card = event.target.closest("article.group");
  if (card) place = cards().indexOf(card);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return go(place); // out of a field, back to the card
  if (event.target.closest("input, textarea, select") || event.ctrlKey || event.altKey || event.metaKey) return;
  const key = latin(event);
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
document.querySelector(".parts [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
if (document.getElementById("groups")) go(0);
