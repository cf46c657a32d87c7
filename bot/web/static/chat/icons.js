/** The widget's drawings. All of them are decoration: the words stand beside them. */

import { svg } from "./dom.js";

function icon(size, ...shapes) {
  return svg(
    "svg",
    {
      viewBox: "0 0 24 24",
      width: size,
      height: size,
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 1.8,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
      focusable: "false",
    },
    ...shapes,
  );
}

const line = (d, more = {}) => svg("path", { d, ...more });
const dot = (cx, cy, r) => svg("circle", { cx, cy, r, fill: "currentColor", stroke: "none" });

/** The mark: a speech bubble with a heart in it. */
export const mark = (size) =>
  icon(
    size,
    line(
      "M12 3.25c5 0 8.75 3.4 8.75 7.85 0 4.44-3.75 7.85-8.75 7.85-.92 0-1.8-.11-2.63-.33l-3.9 1.9a.6.6 0 0 1-.85-.66l.55-3.02C3.8 15.4 3.25 13.33 3.25 11.1 3.25 6.65 7 3.25 12 3.25Z",
    ),
    line(
      "M12 15.1c-.2 0-3.9-2.1-3.9-4.75 0-1.3.98-2.15 2.07-2.15.82 0 1.46.44 1.83 1.12.37-.68 1.01-1.12 1.83-1.12 1.09 0 2.07.85 2.07 2.15 0 2.65-3.7 4.75-3.9 4.75Z",
      { fill: "currentColor", stroke: "none" },
    ),
  );

export const file = (size) => icon(size, line("M6.5 3.5h7l4 4v13h-11z"), line("M13.5 3.5v4h4"));
export const clip = (size) => icon(size, line("m19.5 11.3-7.6 7.6a4.6 4.6 0 0 1-6.5-6.5l7.9-7.9a3.1 3.1 0 0 1 4.4 4.4l-7.8 7.8a1.5 1.5 0 0 1-2.2-2.2l7-7"));
export const person = (size) => icon(size, svg("circle", { cx: 12, cy: 8.2, r: 3.7 }), line("M4.8 19.6c.7-3.6 3.6-5.5 7.2-5.5s6.5 1.9 7.2 5.5"));
export const chevronDown = (size) => icon(size, line("m5.5 9 6.5 6.5L18.5 9"));
export const cross = (size) => icon(size, line("m6 6 12 12M18 6 6 18"));
export const arrowUp = (size) => icon(size, line("M12 19V5.5M5.8 11.2 12 5l6.2 6.2", { "stroke-width": 2.2 }));
export const arrowDown = (size) => icon(size, line("M12 5v13.5M5.8 12.8 12 19l6.2-6.2"));
export const check = (size) => icon(size, line("m5 12.5 4.6 4.6L19 7.5", { "stroke-width": 2.2 }));
export const clock = (size) => icon(size, svg("circle", { cx: 12, cy: 12, r: 8.5 }), line("M12 7.2V12l3 2"));
export const alert = (size) => icon(size, svg("circle", { cx: 12, cy: 12, r: 8.75 }), line("M12 7.5v5.2"), dot(12, 16.1, 1.15));
export const noSignal = (size) => icon(size, line("M4 4l16 16M8.4 15.3a5.2 5.2 0 0 1 6.3-.8M5 11.7a10 10 0 0 1 4.2-2.3M13.4 9.1a10 10 0 0 1 5.6 2.6M2.6 8.3A13.6 13.6 0 0 1 6 6M10.6 4.7a13.6 13.6 0 0 1 10.8 3.6"), dot(12, 19, 1.2));
