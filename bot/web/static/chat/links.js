/** Text with its web addresses made clickable. Only http and https; everything else stays text. */

import { h } from "./dom.js";

const ADDRESS = /\bhttps?:\/\/[^\s<>"'«»“”]+/giu;
const SENTENCE_END = /[.,:;!?…]+$/u;

/** @returns {(string|HTMLAnchorElement)[]} */
export function withLinks(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = withoutTail(match[0]);
    if (!isWebAddress(address)) continue;
    parts.push(text.slice(from, match.index));
    parts.push(h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address));
    from = match.index + address.length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

/** «(see https://shop.ru/a_(b)).» ends in punctuation that belongs to the sentence, not to the address. */
function withoutTail(address) {
  let kept = address;
  for (;;) {
    const before = kept;
    kept = kept.replace(SENTENCE_END, "");
    if (kept.endsWith(")") && kept.split(")").length > kept.split("(").length) kept = kept.slice(0, -1);
    if (kept === before) return kept;
  }
}

function isWebAddress(address) {
  try {
    return ["http:", "https:"].includes(new URL(address).protocol);
  } catch {
    return false;
  }
}
