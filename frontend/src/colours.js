/** Colours of segments and structures. */

// Kept apart from each other, from grey, and readable on black as on white.
const PALETTE = ['#ff5a5a', '#4fc3f7', '#7ee787', '#ffd54a', '#c58af9', '#ff9f40', '#5eead4', '#f78fb3'];

export const colourNumber = (index) => PALETTE[((index % PALETTE.length) + PALETTE.length) % PALETTE.length];

/** `#rrggbb` of three numbers from 0 to 255, undefined where they are no such colour. */
export function colourOfRgb(values) {
  const numbers = (values ?? []).map(Number);
  if (numbers.length !== 3 || !numbers.every((part) => part >= 0 && part <= 255)) return undefined;
  return `#${numbers.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
}

/** `#rrggbb` of CIELab values in their encoding by 16 bits (PS3.3 C.10.7.1.1), under D50. */
export function colourOfLab(values) {
  const [l, a, b] = (values ?? []).map(Number);
  if (![l, a, b].every((part) => part >= 0 && part <= 65535)) return undefined;
  const [light, red, yellow] = [(l / 65535) * 100, (a / 65535) * 255 - 128, (b / 65535) * 255 - 128];
  const y = (light + 16) / 116;
  const [x, z] = [y + red / 500, y - yellow / 200];
  const [X, Y, Z] = [0.9642 * cubed(x), cubed(y), 0.8249 * cubed(z)];
  return colourOfRgb([
    gamma(3.1338561 * X - 1.6168667 * Y - 0.4906146 * Z),
    gamma(-0.9787684 * X + 1.9161415 * Y + 0.033454 * Z),
    gamma(0.0719453 * X - 0.2289914 * Y + 1.4052427 * Z),
  ]);
}

const cubed = (t) => (t > 6 / 29 ? t ** 3 : (3 * 36 * (t - 4 / 29)) / 841);

/** From linear light to a byte of sRGB. */
function gamma(linear) {
  const bounded = Math.max(0, Math.min(1, linear));
  return 255 * (bounded <= 0.0031308 ? 12.92 * bounded : 1.055 * bounded ** (1 / 2.4) - 0.055);
}

export const rgbOf = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
