/** Files that are not with the server yet, kept in the browser's database: they outlive a reload of the page. */

const STORE = "files";
const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

/** Where the database is blocked, nothing is kept and nothing is found: files then live as long as the page. */
export class KeptFiles {
  #opened;

  constructor(server) {
    this.#opened = open(`zabota ${server}`);
    this.#forgetWhere((_key, { at }) => Date.now() - at > STALE_AFTER_MS);
  }

  /** @returns {Promise<boolean>} whether they are safe now */
  async put(key, files) {
    return (await this.#do("readwrite", (store) => store.put({ files, at: Date.now() }, key))) !== undefined;
  }

  /** @returns {Promise<File[]>} empty when there are none (any more) */
  async get(key) {
    return (await this.#do("readonly", (store) => store.get(key)))?.files ?? [];
  }

  remove(key) {
    return this.#do("readwrite", (store) => store.delete(key));
  }

  /** Forget everything but what begins with `prefix`: somebody else sits before the page. */
  forgetOthers(prefix) {
    return this.#forgetWhere((key) => !key.startsWith(prefix));
  }

  #forgetWhere(unwanted) {
    return this.#do("readwrite", (store) => {
      const walk = store.openCursor();
      walk.addEventListener("success", () => {
        const cursor = walk.result;
        if (!cursor) return;
        if (unwanted(cursor.key, cursor.value)) cursor.delete();
        cursor.continue();
      });
      return walk;
    });
  }

  /** @returns what the request gave when its transaction was over; undefined when it could not be done */
  async #do(mode, ask) {
    const database = await this.#opened;
    if (!database) return undefined;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(STORE, mode);
        const request = ask(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onerror = transaction.onabort = () => resolve(undefined); // full, or withdrawn
      } catch {
        resolve(undefined); // the browser closed the database
      }
    });
  }
}

function open(name) {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => resolve(request.result);
      request.onerror = request.onblocked = () => resolve(null);
    } catch {
      resolve(null); // the browser blocks it for this page
    }
  });
}
