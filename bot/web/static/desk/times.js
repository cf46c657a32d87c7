// Puts moments into words: «14:05», «вчера, 14:05», «3 мин» for what waits.
const lang = document.documentElement.lang || "ru";
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(lang, { dateStyle: "long", timeStyle: "short" });
const date = new Intl.DateTimeFormat(lang, { dateStyle: "medium" });

function words(element, moment) {
  if ("day" in element.dataset) return date.format(moment);
  const today = new Date().toDateString() === moment.toDateString();
  return today ? clock.format(moment) : `${day.format(moment)}, ${clock.format(moment)}`;
}

export function showTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.textContent = words(element, moment);
    element.title = full.format(moment);
  }
}

showTimes();
