/**
 * <zabota-chat>: the support chat as one element.
 *
 *     <script type="module" src="https://help.example.ru/static/zabota-chat.js"></script>
 *     <zabota-chat language="ru" user-id="42" user-hash="9f…"></zabota-chat>
 *
 * Attributes: `language` (ru, en, auto), `user-id` and `user-hash` (signed by the site's server), `name` of the
 * assistant, `heading`, `starters` (questions to begin with, separated by |), `theme` (auto, light, dark),
 * `accent` (a CSS colour), `open`, `title-hint` (unread count in the document's title), `sound`.
 *
 * Methods: `open(draft?)`, `close()`. Events: `zabota:open`, `zabota:close`, `zabota:message` with
 * `detail: {seq, id, author, text, at}` for what is said while the page is open.
 */

import { chime, TitleHint } from "./chat/attention.js";
import { DEFAULT_ACCENT, palette, parseColor } from "./chat/colors.js";
import { Conversation, draftOf } from "./chat/conversation.js";
import { KeptFiles } from "./chat/kept_files.js";
import { Panel } from "./chat/panel.js";
import { Session } from "./chat/session.js";
import { Store } from "./chat/storage.js";
import { dress, SURFACES } from "./chat/styles.js";
import { chooseLanguage, Texts } from "./chat/texts.js";

const SERVER = new URL(import.meta.url).origin;
const PANEL = "panel"; // "open" or "closed", for this tab while it goes from page to page
const DARK = matchMedia("(prefers-color-scheme: dark)");

const LOOKS = ["theme", "accent"];
const WORDS = ["language", "name", "heading", "starters"];
const IDENTITY = ["user-id", "user-hash"];

class ZabotaChat extends HTMLElement {
  static observedAttributes = ["open", ...LOOKS, ...WORDS, ...IDENTITY];

  #root = this.attachShadow({ mode: "open" });
  #store = new Store("localStorage", SERVER);
  #tab = new Store("sessionStorage", SERVER);
  #kept = new KeptFiles(SERVER);
  #title = new TitleHint();
  #panel = null;
  #conversation = null;
  #owner = "bot";
  #connection = "connecting";
  #busy = false;
  #changed = new Set(); // attributes that changed in this task
  #quietly = false; // the panel changes without taking the focus
  #paint = () => this.#repaint();
  #look = () => this.#looked();

  connectedCallback() {
    dress(this.#root, this.nonce);
    DARK.addEventListener("change", this.#paint);
    document.addEventListener("visibilitychange", this.#look);
    this.#rebuild();
    if (this.#shouldOpen()) this.#quiet(() => this.open());
    if (this.#panel.opened || Session.known(this.#store) || this.getAttribute("user-hash")) this.#converse();
  }

  disconnectedCallback() {
    DARK.removeEventListener("change", this.#paint);
    document.removeEventListener("visibilitychange", this.#look);
    this.#conversation?.stop();
    this.#conversation = null;
    this.#panel?.dispose();
    this.#panel = null;
    this.#title.count = 0;
  }

  attributeChangedCallback(name, before, after) {
    if (!this.#panel || before === after) return;
    if (name === "open") {
      if ((before === null) !== (after === null)) this.#toggled(after !== null);
      return;
    }
    if (this.#changed.size === 0) queueMicrotask(() => this.#applyChanges());
    this.#changed.add(name);
  }

  /** Open the panel, with a question already in the field if one is given. */
  open(draft) {
    this.setAttribute("open", "");
    if (typeof draft === "string" && this.#panel) this.#panel.composer.suggest(draft);
  }

  close() {
    this.removeAttribute("open");
  }

  // --- the panel ---

  #rebuild() {
    const texts = new Texts(chooseLanguage(this.getAttribute("language")));
    this.#panel?.dispose();
    this.#panel = new Panel({
      texts,
      name: this.getAttribute("name") || texts.name,
      heading: this.getAttribute("heading") || texts.heading,
      starters: (this.getAttribute("starters") ?? "").split("|").map((text) => text.trim()).filter(Boolean),
      tab: this.#tab,
      kept: this.#draft(),
      on: {
        open: () => this.open(),
        close: () => this.close(),
        say: (text, files) => {
          this.#converse().say(text, files);
          this.#panel.keepFocus();
        },
        typing: () => this.#conversation?.typing(),
        press: (button) => {
          this.#conversation?.press(button);
          this.#panel.keepFocus();
        },
        retry: (clientId) => this.#conversation?.retry(clientId),
        discard: (clientId) => this.#conversation?.discard(clientId),
        earlier: () => this.#conversation?.loadEarlier(),
        file: (file) => this.#conversation?.download(file),
        picture: (file) => this.#conversation?.fetchFile(file),
      },
    });
    this.#root.querySelector(".root")?.remove();
    this.#root.append(this.#panel.element);
    this.#panel.connection = this.#connection;
    this.#panel.speaker = this.#owner;
    this.#panel.thread.busy = this.#busy;
    this.#repaint();
    if (this.#conversation) {
      this.#panel.thread.show(this.#conversation.messages, false);
      this.#conversation.showOutgoing();
      this.#count();
    }
    if (this.hasAttribute("open")) this.#panel.open({ focus: false });
  }

  #repaint() {
    const wanted = this.getAttribute("theme");
    const theme = wanted === "light" || wanted === "dark" ? wanted : DARK.matches ? "dark" : "light";
    const root = this.#panel.element;
    root.dataset.theme = theme;
    const colors = palette(parseColor(this.getAttribute("accent"), root) ?? DEFAULT_ACCENT, SURFACES[theme]);
    root.style.setProperty("--accent", colors.accent);
    root.style.setProperty("--on-accent", colors.onAccent);
    root.style.setProperty("--accent-text", colors.accentText);
  }

  /** What the customer chose on the page before counts more than what the page asks for. */
  #shouldOpen() {
    const before = this.#tab.get(PANEL);
    if (before === "closed") this.#quiet(() => this.close());
    return before === "open" ? !Panel.fullScreen : this.hasAttribute("open");
  }

  #toggled(opened) {
    this.#tab.set(PANEL, opened ? "open" : "closed");
    if (opened) this.#panel.open({ focus: !this.#quietly });
    else this.#panel.close({ focus: !this.#quietly && this.#root.activeElement !== null });
    if (opened) this.#converse();
    this.#looked();
    this.#announce(opened ? "zabota:open" : "zabota:close");
  }

  #quiet(change) {
    this.#quietly = true;
    change();
    this.#quietly = false;
  }

  #applyChanges() {
    const changed = [...this.#changed];
    this.#changed.clear();
    if (!this.#panel) return;
    if (changed.some((name) => IDENTITY.includes(name)) && this.#conversation) {
      this.#conversation.stop();
      this.#conversation = null;
      this.#owner = "bot";
      this.#rebuild();
      this.#converse();
    } else if (changed.some((name) => WORDS.includes(name))) this.#rebuild();
    else this.#repaint();
  }

  /** Where this tab keeps the files that are chosen and not sent. */
  #draft() {
    if (!this.#tab.get("id")) this.#tab.set("id", Math.random().toString(36).slice(2));
    const key = draftOf(this.getAttribute("user-id")) + this.#tab.get("id");
    const kept = this.#kept;
    return { get: () => kept.get(key), put: (files) => kept.put(key, files), remove: () => kept.remove(key) };
  }

  // --- the conversation ---

  /** The conversation begins when it is needed: a visitor who never opens the chat costs nothing. */
  #converse() {
    if (this.#conversation) return this.#conversation;
    this.#conversation = new Conversation({
      server: SERVER,
      store: this.#store,
      tab: this.#tab,
      kept: this.#kept,
      language: chooseLanguage(this.getAttribute("language")),
      user: { id: this.getAttribute("user-id") || null, hash: this.getAttribute("user-hash") || null },
      tell: {
        messages: (messages, fresh) => this.#messages(messages, fresh),
        outgoing: (entry, state) => this.#panel.thread.outgoing(entry, state),
        gone: (clientId) => this.#panel.thread.gone(clientId),
        typing: (author, on) => this.#panel.thread.typing(author, on),
        seen: () => this.#count(),
        reset: () => this.#panel.thread.clear(),
        owner: (owner) => (this.#panel.speaker = this.#owner = owner),
        connection: (state) => (this.#panel.connection = this.#connection = state),
        catchingUp: (busy) => {
          this.#panel.thread.busy = this.#busy = busy;
          this.#looked();
        },
      },
    });
    this.#conversation.start();
    return this.#conversation;
  }

  #messages(messages, fresh) {
    this.#panel.thread.show(messages, fresh);
    this.#panel.thread.earlierVisible = this.#conversation.hasEarlier;
    if (fresh) {
      const answer = messages.findLast(({ author }) => author === "assistant" || author === "agent");
      if (answer) this.#panel.speaker = this.#owner = answer.author === "agent" ? "agent" : "bot";
      if (answer && this.hasAttribute("sound") && !this.#watched) chime();
      for (const { seq, id, author, text, at } of messages) this.#announce("zabota:message", { seq, id, author, text, at });
    }
    this.#looked();
  }

  /** Is a person looking at the messages? */
  get #watched() {
    return this.#panel.opened && document.visibilityState === "visible";
  }

  #looked() {
    if (this.#panel && this.#watched && !this.#busy) this.#conversation?.markSeen();
    this.#count();
  }

  #count() {
    const unread = this.#conversation?.unread ?? 0;
    if (this.#panel) this.#panel.unread = unread;
    this.#title.count = this.hasAttribute("title-hint") ? unread : 0;
  }

  #announce(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

if (!customElements.get("zabota-chat")) customElements.define("zabota-chat", ZabotaChat);
