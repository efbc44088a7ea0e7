/** Grey-scale windows: conversions and the list offered for an image. */
import { utilities } from '@cornerstonejs/core';

import { functionalGroup, number, text, value } from './attributes.js';
import { voiTables } from './lookup_tables.js';

const { toLowHighRange } = utilities.windowLevel;

// Centre and width in Hounsfield units, in the order of the keys 1 to 9.
const CT = [
  { label: 'Soft tissue', center: 40, width: 400 },
  { label: 'Lung', center: -600, width: 1500 },
  { label: 'Bone', center: 480, width: 2500 },
  { label: 'Brain', center: 40, width: 80 },
  { label: 'Mediastinum', center: 50, width: 350 },
  { label: 'Liver', center: 90, width: 150 },
  { label: 'Subdural', center: 75, width: 215 },
  { label: 'Stroke', center: 40, width: 40 },
  { label: 'Angio', center: 300, width: 600 },
];

/** CT has windows of common use; elsewhere the header and the values of the image offer them.
 *
 * Each is a `center` and a `width`, or the index of a VOI LUT of the header, `table`.
 */
export function presetsFor(frame, image) {
  if (!image || image.color) return [];
  if (image.isDrawn) return [fullRange(image)]; // shades, which no window of the header is meant for
  const tables = voiTables(frame).tables.map(({ label }, index) => ({ label: label || `Table ${index + 1}`, table: index }));
  if (text(frame.instance, '00080060') === 'CT') return [...CT, ...tables];
  return [...tables, ...headerWindows(frame), fullRange(image)];
}

function headerWindows(frame) {
  const source = functionalGroup(frame, '00289132') ?? frame.instance;
  const centers = source['00281050']?.Value ?? [];
  const windows = centers.map((_, index) => ({
    label: String(value(source, '00281055', index) ?? `Window ${index + 1}`),
    center: number(source, '00281050', index),
    width: number(source, '00281051', index),
  }));
  return windows.filter(({ center, width }) => center !== undefined && width > 0).slice(0, 8);
}

function fullRange({ minPixelValue, maxPixelValue }) {
  const width = maxPixelValue - minPixelValue + 1;
  return { label: 'Full range', center: minPixelValue + width / 2, width };
}

export const toRange = ({ center, width }, voiLutFunction) =>
  toLowHighRange(width, center, voiLutFunction);

/** Inverse of toRange: LINEAR maps width 400 to 399 steps (PS3.3 C.11.2.1.2), LINEAR_EXACT does not. */
export function toWindow({ lower, upper }, voiLutFunction) {
  if (voiLutFunction === 'LINEAR_EXACT') return { center: (lower + upper) / 2, width: upper - lower };
  const { windowCenter, windowWidth } = utilities.windowLevel.toWindowLevel(lower, upper);
  return { center: windowCenter, width: windowWidth };
}
