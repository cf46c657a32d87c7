/** The conversation as the server numbered it: every message once, in order, holes noticed. */

export class History {
  #known = new Map(); // seq → message, shown
  #held = new Map(); // seq → message that came before its turn
  #floor = 0;
  #last = 0;

  /** Everything up to here is shown; the number to resume after. */
  get last() {
    return this.#last;
  }

  /** Messages up to this number were not asked for. */
  get floor() {
    return this.#floor;
  }

  /** The first number that is missing before a message that already came, or null. */
  get missing() {
    return this.#held.size ? this.#last + 1 : null;
  }

  get messages() {
    return [...this.#known.values()].sort((a, b) => a.seq - b.seq);
  }

  begin(floor) {
    this.#known.clear();
    this.#held.clear();
    this.#floor = floor;
    this.#last = floor;
  }

  /** Ask for older messages too; they are taken in any order. */
  widen(floor) {
    this.#floor = Math.max(0, floor);
  }

  /** @returns the messages that may be shown now: none (a repeat, or too early), one or several. */
  take(message) {
    const { seq } = message;
    if (seq <= this.#floor || this.#known.has(seq) || this.#held.has(seq)) return [];
    // A server may have erased the beginning of a conversation: what comes first is where it starts.
    if (this.#known.size === 0 && this.#held.size === 0) this.#last = seq - 1;
    if (seq <= this.#last) {
      this.#known.set(seq, message);
      return [message];
    }
    this.#held.set(seq, message);
    return this.#release();
  }

  /** The server was asked and has nothing in between: show what was held. */
  acceptHole() {
    if (this.#held.size === 0) return [];
    this.#last = Math.min(...this.#held.keys()) - 1;
    return this.#release();
  }

  #release() {
    const released = [];
    for (let next = this.#held.get(this.#last + 1); next; next = this.#held.get(this.#last + 1)) {
      this.#held.delete(next.seq);
      this.#known.set(next.seq, next);
      this.#last = next.seq;
      released.push(next);
    }
    return released;
  }
}
