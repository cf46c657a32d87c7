// The board is drawn anew every few seconds.
import { showTimes } from "./times.js";

document.body.addEventListener("htmx:afterSwap", (event) => showTimes(event.detail.target));
