/** The browser's storage, one namespace a server, that works (for the page's lifetime) when it is blocked. */

export class Store {
  #memory = new Map();
  #area;
  #prefix;

  /** @param {"localStorage"|"sessionStorage"} kind */
  constructor(kind, server) {
    this.#prefix = `zabota ${server} `;
    try {
      this.#area = window[kind];
    } catch {
      this.#area = null; // the browser blocks storage for this page
    }
  }

  get(key) {
    if (this.#memory.has(key)) return this.#memory.get(key);
    try {
      return JSON.parse(this.#area.getItem(this.#prefix + key));
    } catch {
      return null;
    }
  }

  set(key, value) {
    try {
      this.#area.setItem(this.#prefix + key, JSON.stringify(value));
      this.#memory.delete(key);
    } catch {
      this.#memory.set(key, value); // blocked or full
    }
  }

  remove(key) {
    this.#memory.delete(key);
    try {
      this.#area.removeItem(this.#prefix + key);
    } catch {
      // nothing was stored
    }
  }

  keys() {
    const keys = new Set(this.#memory.keys());
    try {
      for (let i = 0; i < this.#area.length; i += 1) {
        const name = this.#area.key(i);
        if (name.startsWith(this.#prefix)) keys.add(name.slice(this.#prefix.length));
      }
    } catch {
      // only what memory holds
    }
    return [...keys];
  }

  clear() {
    for (const key of this.keys()) this.remove(key);
  }

  /** Call `listener(key, value)` when another tab changes something here. @returns a function that stops it. */
  watch(listener) {
    const relay = (event) => {
      if (!event.key?.startsWith(this.#prefix)) return;
      let value = null;
      try {
        value = JSON.parse(event.newValue);
      } catch {
        // not ours
      }
      listener(event.key.slice(this.#prefix.length), value);
    };
    window.addEventListener("storage", relay);
    return () => window.removeEventListener("storage", relay);
  }
}
