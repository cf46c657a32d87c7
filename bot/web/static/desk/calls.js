// Calls for attention: a sound and a notification of the desktop, each of which can be silenced.
const words = document.getElementById("calls")?.dataset ?? {};
const REMEMBERED = 200;
const here = document.querySelector("main.dialogue")?.dataset.id;
const started = Date.now();

const chosen = (name) => localStorage.getItem(`zabota-desk:${name}`) === "on";
const heard = () => JSON.parse(sessionStorage.getItem("zabota-desk:heard") ?? "[]");

function switchFor(id, name, turnOn) {
  const button = document.getElementById(id);
  if (!button) return;
  button.setAttribute("aria-pressed", String(chosen(name)));
  button.addEventListener("click", async () => {
    const on = !chosen(name) && (await turnOn());
    localStorage.setItem(`zabota-desk:${name}`, on ? "on" : "off");
    button.setAttribute("aria-pressed", String(on));
  });
}

let audio;
function beep() {
  audio ??= new AudioContext();
  const tone = audio.createOscillator();
  const loudness = audio.createGain();
  tone.frequency.value = 660;
  loudness.gain.setValueAtTime(0.08, audio.currentTime);
  loudness.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.35);
  tone.connect(loudness).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.35);
}

export function call({ kind, id, key, name, line }) {
  const known = heard();
  if (known.includes(key)) return;
  sessionStorage.setItem("zabota-desk:heard", JSON.stringify([...known, key].slice(-REMEMBERED)));
  if (Date.now() - started < 1000) return; // what the page shows anyway
  const looking = id === here && document.visibilityState === "visible" && document.hasFocus();
  if (looking && kind === "wrote") return;
  if (chosen("sound")) beep();
  if (!chosen("desktop") || Notification.permission !== "granted") return;
  const title = `${words[kind]}${name || id ? `: ${name || words.guest}` : ""}`;
  const shown = new Notification(title, { body: line, tag: key, lang: document.documentElement.lang });
  shown.addEventListener("click", () => {
    window.focus();
    if (id) location.href = `/desk/c/${id}?view=mine`;
  });
}

switchFor("sound", "sound", async () => {
  beep();
  return true;
});
switchFor("desktop", "desktop", async () => "Notification" in window && (await Notification.requestPermission()) === "granted");
