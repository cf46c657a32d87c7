/** The company's accent colour, made readable on both themes (WCAG 2.2, 1.4.3 and 1.4.11). */

const WHITE = [255, 255, 255];
const BLACK = [0, 0, 0];
const TEXT_CONTRAST = 4.5;
const TEXT_CONTRAST_SAFE = 6.4; // also on tinted backgrounds
const SHAPE_CONTRAST = 3;

export const DEFAULT_ACCENT = [23, 98, 84];

/**
 * @param {number[]} accent red, green, blue
 * @param {number[]} surface what the panel is painted with
 * @returns {{accent: string, onAccent: string, accentText: string}} CSS colours
 */
export function palette(accent, surface) {
  const fill = towardsContrast(accent, surface, SHAPE_CONTRAST);
  return {
    accent: css(fill),
    onAccent: css(contrast(fill, WHITE) >= TEXT_CONTRAST ? WHITE : BLACK),
    accentText: css(towardsContrast(accent, surface, TEXT_CONTRAST_SAFE)),
  };
}

/** Let the browser read any CSS colour; null when it is not one. */
export function parseColor(value, probe) {
  if (!value || !CSS.supports("color", value)) return null;
  probe.style.color = value;
  const numbers = /^rgba?\(([\d.]+),? ([\d.]+),? ([\d.]+)/.exec(getComputedStyle(probe).color);
  probe.style.removeProperty("color");
  return numbers && numbers.slice(1, 4).map(Number);
}

export function contrast(one, other) {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function towardsContrast(color, surface, wanted) {
  const pole = luminance(surface) > 0.18 ? BLACK : WHITE;
  for (let share = 0; share < 1; share += 0.04) {
    const mixed = color.map((channel, i) => Math.round(channel + (pole[i] - channel) * share));
    if (contrast(mixed, surface) >= wanted) return mixed;
  }
  return pole;
}

function luminance(color) {
  const [r, g, b] = color.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
