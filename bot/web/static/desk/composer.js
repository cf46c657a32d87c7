// The field for the answer: what is typed is kept, «/» finds ready answers, the customer sees the typing.
const dialogue = document.querySelector("main.dialogue");
const composer = document.getElementById("composer");
const note = document.getElementById("note");
const TYPING_STOPS = 4000; // ms without a key
const SHOWN = 8; // ready answers

const headers = () => JSON.parse(document.body.getAttribute("hx-headers"));

function submitByKey(field, form) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
}

function keep(field, key) {
  field.addEventListener("input", () => sessionStorage.setItem(key, field.value));
  if (field.value) setTimeout(() => field.dispatchEvent(new Event("input"))); // typed before this script came
  else field.value = sessionStorage.getItem(key) ?? "";
}

function emptied(form, field, key, done = () => {}) {
  let sent = "";
  form.addEventListener("htmx:configRequest", (event) => {
    if (event.target === form) sent = field.value;
  });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== form || !event.detail.successful) return;
    // What was typed while it was on its way stays.
    if (field.value.startsWith(sent)) field.value = field.value.slice(sent.length).trimStart();
    if (field.value) sessionStorage.setItem(key, field.value);
    else sessionStorage.removeItem(key);
    done();
    field.focus();
  });
}

function tabs() {
  const all = [...document.querySelectorAll('.modes [role="tab"]')];
  for (const tab of all)
    tab.addEventListener("click", () => {
      for (const other of all) {
        other.setAttribute("aria-selected", String(other === tab));
        document.getElementById(other.getAttribute("aria-controls")).hidden = other !== tab;
      }
      document.getElementById(tab.getAttribute("aria-controls")).querySelector("textarea").focus();
    });
  for (const tab of all)
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = all[(all.indexOf(tab) + 1) % all.length];
      other.click();
      other.focus();
    });
}

function ready(field) {
  const list = document.getElementById("choices");
  let asked = null; // for the ready answers, at the first «/»
  let found = [];
  let chosen = 0;
  const draw = () => {
    list.replaceChildren(
      ...found.map((one, at) => {
        const item = document.createElement("li");
        item.id = `choice-${at}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", String(at === chosen));
        const key = document.createElement("b");
        key.textContent = `/${one.shortcut}`;
        item.append(key, one.title);
        item.addEventListener("mousedown", (event) => (event.preventDefault(), take(one)));
        return item;
      }),
    );
    list.hidden = found.length === 0;
    if (found.length) field.setAttribute("aria-activedescendant", `choice-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  };
  const word = () => field.value.slice(0, field.selectionStart).match(/(?:^|\s)\/([\p{L}\d_-]*)$/u);
  const take = (one) => {
    const typed = word();
    const start = field.selectionStart - (typed ? typed[1].length + 1 : 0);
    field.setRangeText(one.text, start, field.selectionStart, "end");
    found = [];
    draw();
    field.dispatchEvent(new Event("input"));
    field.focus();
  };
  field.addEventListener("input", async () => {
    if (word()) asked ??= fetch(field.dataset.canned).then((answer) => (answer.ok ? answer.json() : []));
    const answers = asked ? await asked : [];
    const typed = word(); // only now: more may have been typed while the answers came
    const begin = typed?.[1].toLowerCase();
    const fits = (one) => one.shortcut.startsWith(begin) || one.title.toLowerCase().includes(begin);
    found = typed ? answers.filter(fits).slice(0, SHOWN) : [];
    chosen = 0;
    draw();
  });
  field.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
      draw();
    } else if ((event.key === "Enter" && !event.ctrlKey) || event.key === "Tab") {
      event.preventDefault();
      take(found[chosen]);
    } else if (event.key === "Escape") {
      found = [];
      draw();
    }
  });
  document.addEventListener("click", (event) => {
    const text = event.target.closest("[data-insert]")?.dataset.insert;
    if (text !== undefined) take({ text });
  });
}

function answering(toEnd) {
  const text = composer.querySelector("textarea");
  const kept = `zabota-desk:${location.pathname}`;
  const send = composer.getAttribute("hx-post").replace(/answer$/, "typing");
  keep(text, kept);
  text.focus();

  // What was tried keeps its id, through reloads too, until the answer was taken or the words are others: a
  // double click, or a second try after a broken network, says it once.
  const tried = `${kept}:tried`;
  const attempt = () => JSON.parse(sessionStorage.getItem(tried) ?? "null");
  composer.addEventListener("htmx:configRequest", (event) => {
    if (event.target !== composer) return;
    const id = attempt()?.id ?? crypto.randomUUID();
    sessionStorage.setItem(tried, JSON.stringify({ id, text: text.value }));
    event.detail.parameters.client_id = id;
  });
  text.addEventListener("input", () => {
    if (attempt() && attempt().text !== text.value) sessionStorage.removeItem(tried);
  });

  let typing = false;
  let silence;
  const tell = (on) => {
    if (on === typing) return;
    typing = on;
    const body = new URLSearchParams({ epoch: dialogue.dataset.epoch, on: on ? "1" : "0" });
    fetch(send, { method: "POST", body, headers: headers() }).catch(() => {});
  };
  text.addEventListener("input", () => {
    tell(text.value.trim() !== "");
    clearTimeout(silence);
    silence = setTimeout(() => tell(false), TYPING_STOPS);
  });
  ready(text);
  submitByKey(text, composer);
  emptied(composer, text, kept, () => {
    sessionStorage.removeItem(tried);
    typing = false;
    toEnd();
  });
}

export function compose(toEnd) {
  if (composer) answering(toEnd);
  if (!note) return;
  const text = note.querySelector("textarea");
  const kept = `zabota-desk:note:${location.pathname}`;
  keep(text, kept);
  submitByKey(text, note);
  emptied(note, text, kept, toEnd);
  tabs();
}
