/** Making elements without markup strings, so that no text can become an element and strict CSP holds. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * `h("button", { class: "send", type: "button", onclick: send }, icon, "Отправить")`
 *
 * A function is a listener, `true`/`false` sets or leaves out an attribute, null children are skipped.
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}
