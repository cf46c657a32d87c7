// Puts moments into words: «14:05», «20 нояб., 14:05», and how much time is left or has passed.
const lang = document.documentElement.lang || "ru";
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(lang, { dateStyle: "long", timeStyle: "short" });
const date = new Intl.DateTimeFormat(lang, { dateStyle: "medium" });
const units = lang.startsWith("en") ? { m: "min", h: "h", d: "d" } : { m: "мин", h: "ч", d: "д" };
const SOON = 2 * 60_000; // ms before a deadline

function length(ms) {
  const minutes = Math.floor(Math.abs(ms) / 60_000);
  if (minutes < 60) return `${minutes} ${units.m}`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} ${units.h}${minutes % 60 ? ` ${minutes % 60} ${units.m}` : ""}`;
  return `${Math.floor(minutes / 1440)} ${units.d}`;
}

function words(element, moment) {
  const left = moment - Date.now();
  if ("due" in element.dataset) {
    element.classList.toggle("late", left < 0);
    element.classList.toggle("soon", left >= 0 && left < SOON);
    const text = length(left);
    return left > -60_000 ? text : `−${text}`;
  }
  if ("since" in element.dataset) return length(left);
  if ("day" in element.dataset) return date.format(moment);
  const today = new Date().toDateString() === moment.toDateString();
  return today ? clock.format(moment) : `${day.format(moment)}, ${clock.format(moment)}`;
}

export function showTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const text = words(element, moment);
    if (element.textContent !== text) element.textContent = text;
    element.title = full.format(moment);
  }
  for (const option of root.querySelectorAll("option[data-time]")) {
    const place = option.textContent.split(" · ").at(-1);
    option.textContent = `${full.format(new Date(option.dataset.time))} · ${place}`;
  }
}

showTimes();
setInterval(() => showTimes(), 10_000);
