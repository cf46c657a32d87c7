/** How the widget looks. One sheet for all its instances. */

/** What the panel is painted with; the accent is made readable against it. Keep in step with --surface. */
export const SURFACES = { light: [255, 255, 255], dark: [27, 29, 31] };

const CSS_TEXT = `
:host {
  all: initial;
  position: fixed;
  right: max(20px, env(safe-area-inset-right));
  bottom: max(20px, env(safe-area-inset-bottom));
  z-index: 2147483000;
  color-scheme: light dark;
}
:host([hidden]) { display: none; }
@media print { :host { display: none; } }

*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }

.root {
  --surface: rgb(255 255 255);
  --raised: rgb(242 244 243);
  --agent: rgb(253 243 225);
  --ink: rgb(27 31 30);
  --soft: rgb(92 100 97);
  --line: rgb(225 229 227);
  --field: rgb(130 139 135);
  --bad: rgb(179 38 30);
  --warm: rgb(255 244 222);
  --warm-ink: rgb(103 66 5);
  --shadow: 0 0 0 1px rgb(15 30 25 / 6%), 0 4px 10px rgb(15 30 25 / 6%), 0 18px 48px rgb(15 30 25 / 18%);
  color-scheme: light;
  color: var(--ink);
  font: 400 15px/1.45 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif;
  letter-spacing: normal;
  -webkit-text-size-adjust: 100%;
  -webkit-tap-highlight-color: transparent;
}
.root[data-theme="dark"] {
  --surface: rgb(27 29 31);
  --raised: rgb(42 45 48);
  --agent: rgb(60 49 30);
  --ink: rgb(238 240 239);
  --soft: rgb(168 175 172);
  --line: rgb(55 59 62);
  --field: rgb(118 125 123);
  --bad: rgb(255 152 142);
  --warm: rgb(62 50 25);
  --warm-ink: rgb(255 220 160);
  --shadow: 0 0 0 1px rgb(255 255 255 / 8%), 0 18px 48px rgb(0 0 0 / 55%);
  color-scheme: dark;
}

button, textarea { font: inherit; letter-spacing: inherit; color: inherit; margin: 0; }
button { border: 0; background: none; padding: 0; cursor: pointer; touch-action: manipulation; }
button:disabled { cursor: default; }
svg { display: block; flex: none; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--accent-text); outline-offset: 2px; }
.hidden {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}

/* launcher */
.launcher {
  position: relative; display: grid; place-items: center; margin-left: auto;
  width: 60px; height: 60px; border-radius: 50%;
  background: var(--accent); color: var(--on-accent);
  box-shadow: 0 1px 3px rgb(0 0 0 / 18%), 0 8px 24px rgb(0 0 0 / 20%);
  transition: transform .18s ease, box-shadow .18s ease;
}
.launcher:hover { transform: translateY(-2px); box-shadow: 0 2px 4px rgb(0 0 0 / 18%), 0 12px 30px rgb(0 0 0 / 24%); }
.launcher:active { transform: scale(.96); }
.launcher:focus-visible { outline: 3px solid var(--surface); outline-offset: -5px; box-shadow: 0 0 0 3px var(--accent-text); }
.face { grid-area: 1 / 1; transition: opacity .18s ease, transform .22s ease; }
.when-open, .opened .when-closed { opacity: 0; transform: rotate(-40deg) scale(.7); }
.opened .when-open { opacity: 1; transform: none; }
.badge {
  position: absolute; top: -3px; right: -3px; min-width: 22px; height: 22px; padding: 0 6px;
  border-radius: 11px; border: 2px solid var(--surface); background: rgb(194 32 38); color: white;
  font-size: 12px; line-height: 18px; font-weight: 600; text-align: center; font-variant-numeric: tabular-nums;
}

/* dialog */
.dialog {
  position: absolute; right: 0; bottom: 76px;
  display: flex; flex-direction: column; overflow: hidden;
  width: min(392px, calc(100vw - 40px)); height: min(680px, calc(100vh - 116px)); height: min(680px, calc(100dvh - 116px));
  border-radius: 20px; background: var(--surface); box-shadow: var(--shadow);
  transform-origin: 100% 100%; transform: translateY(10px) scale(.97); opacity: 0; visibility: hidden;
  transition: opacity .16s ease, transform .2s cubic-bezier(.2, .8, .3, 1), visibility 0s .2s;
}
.opened .dialog { transform: none; opacity: 1; visibility: visible; transition-delay: 0s; }
.dialog:focus-visible { outline: none; }

header {
  display: flex; align-items: center; gap: 12px; flex: none; padding: 14px 12px 14px 16px;
  border-bottom: 1px solid var(--line);
}
.who { flex: 1; min-width: 0; line-height: 1.3; }
.who strong { display: block; font-size: 16px; font-weight: 650; letter-spacing: -.005em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.status { display: flex; align-items: center; gap: 6px; font-size: 13px; color: var(--soft); }
.status::before { content: ""; flex: none; width: 7px; height: 7px; border-radius: 50%; background: rgb(46 160 103); }
.status[data-state="connecting"]::before { background: rgb(214 160 40); }
.status[data-state="offline"]::before { background: rgb(203 64 56); }
.close { display: grid; place-items: center; width: 40px; height: 40px; border-radius: 12px; color: var(--soft); transition: background-color .15s ease, color .15s ease; }
.close:hover { background: var(--raised); color: var(--ink); }

.banner { flex: none; display: flex; gap: 10px; padding: 10px 16px; background: var(--warm); color: var(--warm-ink); font-size: 13.5px; line-height: 1.4; }
.banner:empty { padding: 0; }
.banner svg { margin-top: 1px; }

.avatar {
  display: grid; place-items: center; flex: none; width: 30px; height: 30px; border-radius: 50%;
  background: var(--accent); color: var(--on-accent);
}
.avatar.big { width: 42px; height: 42px; }
.avatar.agent { background: rgb(146 84 8); color: white; }

/* thread */
.thread { position: relative; flex: 1; min-height: 0; display: flex; }
.scroller {
  flex: 1; min-width: 0; overflow-y: auto; overflow-anchor: none; overscroll-behavior: contain;
  display: flex; flex-direction: column; padding: 20px 16px 12px;
  scrollbar-width: thin; scrollbar-color: var(--line) transparent;
}
.scroller:focus-visible { outline-offset: -3px; border-radius: 6px; }
.intro { flex: none; padding: 4px 2px 12px; }
.intro h2 { margin: 0 0 6px; font-size: 24px; line-height: 1.2; font-weight: 700; letter-spacing: -.02em; text-wrap: balance; }
.intro p { margin: 0; color: var(--soft); text-wrap: pretty; }
.starters { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 18px; }
.earlier { align-self: center; flex: none; margin: 4px 0 12px; padding: 7px 14px; border-radius: 16px; color: var(--accent-text); font-size: 13.5px; font-weight: 600; }
.earlier:hover { background: var(--raised); }
.day {
  display: flex; align-items: center; gap: 12px; margin: 16px 2px 12px;
  color: var(--soft); font-size: 12.5px; font-weight: 500;
}
.day::before, .day::after { content: ""; flex: 1; height: 1px; background: var(--line); }

.line { display: flex; flex-direction: column; align-items: flex-start; margin-bottom: 3px; }
.line.last { margin-bottom: 14px; }
.line.customer { align-items: flex-end; }
.author { display: none; margin: 0 0 4px 38px; font-size: 12.5px; font-weight: 500; color: var(--soft); }
.line.first.agent .author, .line.first.assistant .author { display: block; }
.line.customer .author, .line.system .author, .line:not(.first) .author {
  display: block; position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
}
.row { display: flex; align-items: flex-end; gap: 8px; max-width: 100%; }
.line:not(.last) .row .avatar { visibility: hidden; }
.bubble {
  max-width: 284px; padding: 9px 14px; border-radius: 18px; background: var(--raised);
  white-space: pre-wrap; overflow-wrap: anywhere; text-wrap: pretty;
}
.bubble a { color: inherit; text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 2px; border-radius: 3px; }
.bubble a:hover { text-decoration-thickness: 2px; }
.bubble a:focus-visible { outline-color: currentColor; }
.customer .bubble { background: var(--accent); color: var(--on-accent); }
.agent .bubble { background: var(--agent); }
.assistant .bubble, .agent .bubble { border-end-start-radius: 6px; }
.assistant:not(.first) .bubble, .agent:not(.first) .bubble { border-start-start-radius: 6px; }
.customer .bubble { border-end-end-radius: 6px; }
.customer:not(.first) .bubble { border-start-end-radius: 6px; }
.file { display: flex; align-items: center; gap: 8px; width: 100%; min-height: 44px; margin: 6px 0 2px; padding: 6px 10px; border: 1px solid currentColor; border-radius: 12px; color: inherit; text-align: start; overflow-wrap: anywhere; }
.file:hover { text-decoration: underline; }
.file .size { margin-inline-start: auto; font-size: 12px; white-space: nowrap; }
.file.lost { border-style: dashed; text-decoration: line-through; }
.file.picture { display: block; width: auto; min-height: 0; padding: 0; border: 0; overflow: hidden; }
.file.picture canvas { display: block; max-width: 100%; border-radius: 12px; background: var(--surface); }
.bubble progress { display: block; width: 100%; height: 6px; margin: 8px 0 2px; accent-color: currentColor; }
.line.system { align-items: center; margin: 10px 0 14px; }
.line.system .row { width: 100%; justify-content: center; }
.line.system .bubble { max-width: 92%; padding: 4px 12px; background: none; color: var(--soft); font-size: 13.5px; text-align: center; text-wrap: balance; }

.meta { display: flex; flex-wrap: wrap; align-items: center; gap: 4px; margin: 4px 4px 0 42px; color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.meta:empty { display: none; }
.customer .meta { justify-content: flex-end; margin-left: 40px; }
.customer .meta:has(.why) { color: var(--bad); font-size: 13px; }
.why { flex-basis: 100%; margin: 0; text-align: end; text-wrap: balance; color: var(--ink); }
.act { min-height: 28px; padding: 0 8px; border-radius: 8px; color: var(--accent-text); font-weight: 600; }
.act:hover { background: var(--raised); }

.choices { display: flex; flex-wrap: wrap; gap: 8px; margin: 10px 0 2px 38px; }
.choice {
  min-height: 38px; padding: 8px 15px; border-radius: 19px; border: 1.5px solid var(--accent-text);
  color: var(--accent-text); font-size: 14.5px; font-weight: 550; line-height: 1.3; text-align: start;
  transition: background-color .15s ease, color .15s ease;
}
.choice:hover:enabled { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.choice:active:enabled { transform: scale(.98); }
.choice:disabled { border-color: var(--line); color: var(--soft); font-weight: 450; }
.choice.used:disabled { background: var(--raised); border-color: var(--raised); color: var(--ink); }

.typing { display: flex; align-items: flex-end; gap: 8px; flex: none; }
.typing:empty { display: none; }
.typing { margin-bottom: 14px; animation: rise .2s ease-out; }
.dots { display: flex; gap: 5px; padding: 14px 15px; border-radius: 18px; border-end-start-radius: 6px; background: var(--raised); }
.typing[data-who="agent"] .dots { background: var(--agent); }
.dots i { width: 7px; height: 7px; border-radius: 50%; background: var(--soft); animation: breathe 1.3s ease-in-out infinite; }
.dots i:nth-child(2) { animation-delay: .16s; }
.dots i:nth-child(3) { animation-delay: .32s; }

.newer {
  position: absolute; bottom: 10px; left: 50%; translate: -50%; display: flex; align-items: center; gap: 6px;
  padding: 8px 15px 8px 12px; border-radius: 18px; background: var(--accent); color: var(--on-accent);
  font-size: 13.5px; font-weight: 600; white-space: nowrap; box-shadow: 0 4px 16px rgb(0 0 0 / 22%); animation: rise .2s ease-out;
}

/* composer */
.composer { flex: none; padding: 8px 12px max(12px, env(safe-area-inset-bottom)); }
.field {
  display: flex; align-items: flex-end; gap: 6px; padding: 4px;
  border: 1px solid var(--field); border-radius: 24px; background: var(--surface);
  transition: border-color .15s ease, box-shadow .15s ease;
}
.field:focus-within { border-color: var(--accent-text); box-shadow: 0 0 0 1px var(--accent-text); }
textarea {
  flex: 1; min-width: 0; min-height: 22px; max-height: 132px; margin: 8px 0; padding: 0; resize: none; overflow-y: auto;
  border: 0; outline: none !important; background: none; font-size: 16px; line-height: 22px; /* below 16px iOS zooms in */
  scrollbar-width: thin;
}
textarea::placeholder { color: var(--soft); opacity: 1; }
.send {
  display: grid; place-items: center; flex: none; width: 38px; height: 38px; border-radius: 50%;
  background: var(--accent); color: var(--on-accent); transition: background-color .15s ease, color .15s ease, transform .15s ease;
}
.attach {
  display: grid; place-items: center; flex: none; width: 38px; height: 38px; border-radius: 50%; color: var(--soft);
  transition: background-color .15s ease, color .15s ease;
}
.attach:hover { background: var(--raised); color: var(--ink); }
.files { display: flex; flex-direction: column; gap: 4px; margin: 0 0 8px; padding: 0; list-style: none; }
.files li { display: flex; align-items: center; gap: 8px; min-height: 40px; padding: 0 4px 0 12px; border-radius: 12px; background: var(--raised); font-size: 14px; }
.files .name { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.files .size { color: var(--soft); font-size: 12px; white-space: nowrap; }
.files button { display: grid; place-items: center; width: 36px; height: 36px; border-radius: 10px; color: var(--soft); }
.files button:hover { background: var(--surface); color: var(--ink); }
.problem { padding: 0 6px 8px; color: var(--bad); font-size: 13.5px; }
.problem:empty { display: none; }
.drop {
  position: absolute; inset: 8px; display: none; place-items: center; place-content: center; gap: 10px; pointer-events: none;
  border: 2px dashed var(--accent-text); border-radius: 14px; background: color-mix(in srgb, var(--surface) 92%, transparent);
  color: var(--accent-text); font-weight: 600;
}
.dropping .drop { display: grid; }
.send:disabled { background: var(--raised); color: var(--soft); }
.send:active:enabled { transform: scale(.92); }
.counter { padding: 6px 6px 0; color: var(--soft); font-size: 12.5px; text-align: end; font-variant-numeric: tabular-nums; }
.counter:empty { display: none; }
.counter.over { color: var(--bad); font-weight: 600; }

.enter { animation: rise .22s ease-out; }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
@keyframes breathe { 0%, 60%, 100% { opacity: .35; transform: none; } 30% { opacity: 1; transform: translateY(-3px); } }

/* phone */
@media (max-width: 479px) {
  :host { right: max(16px, env(safe-area-inset-right)); bottom: max(16px, env(safe-area-inset-bottom)); }
  .opened .launcher { visibility: hidden; }
  .dialog {
    position: fixed; inset: 0 0 auto 0; top: var(--top, 0); width: auto; height: var(--height, 100dvh);
    border-radius: 0; box-shadow: none; transform: translateY(16px);
  }
  header { padding-top: max(12px, env(safe-area-inset-top)); padding-left: max(16px, env(safe-area-inset-left)); }
  .close { width: 44px; height: 44px; }
  .files button { width: 44px; height: 44px; }
  .bubble { max-width: min(78vw, 340px); }
  .choice { min-height: 44px; border-radius: 22px; }
  .act { min-height: 36px; }
}
@media (min-width: 480px) and (max-height: 460px) { /* a phone lying on its side */
  .dialog { bottom: 0; right: 76px; height: calc(100dvh - 40px); }
}

@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important; }
  .dots i { opacity: .7; }
}
@media (prefers-contrast: more) {
  .root { --soft: var(--ink); --line: var(--field); }
}
@media (forced-colors: active) {
  .launcher, .dialog, .bubble, .avatar, .send, .dots, .choice, .newer, .badge { border: 1px solid ButtonBorder; }
  .field:focus-within { outline: 2px solid Highlight; outline-offset: 1px; }
  :focus-visible { outline-color: Highlight; }
  .choice:disabled, .send:disabled { color: GrayText; border-color: GrayText; }
  .status::before, .dots i { forced-color-adjust: none; }
}
`;

let sheet = null;

/** Constructable sheets need no exception in a site's CSP; elsewhere a <style>, with the element's nonce. */
export function dress(root, nonce) {
  try {
    if (!sheet) {
      const made = new CSSStyleSheet();
      made.replaceSync(CSS_TEXT);
      sheet = made;
    }
    root.adoptedStyleSheets = [sheet];
  } catch {
    if (root.querySelector("style")) return;
    const style = document.createElement("style");
    if (nonce) style.nonce = nonce;
    style.textContent = CSS_TEXT;
    root.append(style);
  }
}
