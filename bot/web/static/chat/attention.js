/** Ways to be noticed that a site may switch on: a count in the document's title, a soft sound. */

export class TitleHint {
  #original = null;

  set count(count) {
    if (this.#original === null) {
      if (count === 0) return;
      this.#original = document.title;
    }
    document.title = count > 0 ? `(${count}) ${this.#original}` : this.#original;
    if (count === 0) this.#original = null;
  }
}

/** Two quiet notes. Browsers allow them only after the customer has touched the page. */
export function chime() {
  try {
    const audio = new AudioContext();
    const volume = new GainNode(audio, { gain: 0 });
    volume.connect(audio.destination);
    [659.3, 880].forEach((frequency, i) => {
      const tone = new OscillatorNode(audio, { frequency });
      tone.connect(volume);
      tone.start(audio.currentTime + i * 0.12);
      tone.stop(audio.currentTime + i * 0.12 + 0.25);
    });
    volume.gain.setValueAtTime(0.04, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.4);
    setTimeout(() => audio.close(), 600);
  } catch {
    // no sound here
  }
}
