/** From what is drawn to what it measures. Points are columns and rows, the first pixel's corner 0, 0. */
import { cache } from '@cornerstonejs/core';

import { pixelSize } from './calibration.js';
import { unitOf } from './units.js';

const KEPT = ['HU', 'SUVbw', 'Bq/ml']; // units that the archive knows; the rest it keeps without one
const SHAPES = { rectangle: isInPolygon, freehand: isInPolygon, ellipse: isInEllipse };

/**
 * @param {string} kind length, bidirectional, angle, cobb, probe, ellipse, rectangle, freehand, arrow
 * @param frame that it is drawn on
 * @returns {{ values: { quantity, value, unit }[], at_detector: boolean }} as the archive keeps them
 */
export function measure(kind, points, frame) {
  const size = pixelSize(frame, points);
  const drawn = points.map(([column, row]) => [column * size.column, row * size.row]);
  const values = [...GEOMETRY[kind](drawn, size.unit), ...valuesOfPixels(kind, points, frame)];
  return { values, at_detector: size.atDetector && values.some(({ unit }) => /^mm2?$/.test(unit)) };
}

const line = (quantity, a, b, unit) => ({ quantity, value: distance(a, b), unit });
const area = (value, unit) => [{ quantity: 'area', value, unit: `${unit}2` }];
const angle = (quantity, value) => [{ quantity, value, unit: 'deg' }];
const nothing = () => [];

const GEOMETRY = {
  length: ([a, b], unit) => [line('length', a, b, unit)],
  bidirectional: ([a, b, c, d], unit) => [line('long_axis', a, b, unit), line('short_axis', c, d, unit)],
  angle: ([a, vertex, c]) => angle('angle', between(from(vertex, a), from(vertex, c))),
  cobb: ([a, b, c, d]) => angle('cobb_angle', between(rightward(a, b), rightward(c, d))),
  probe: nothing,
  arrow: nothing,
  ellipse: ([a, b, c, d], unit) => area((Math.PI * distance(a, b) * distance(c, d)) / 4, unit),
  rectangle: (corners, unit) => area(areaOf(corners), unit),
  freehand: (corners, unit) => area(areaOf(corners), unit),
};

export const distance = ([ax, ay], [bx, by]) => Math.hypot(bx - ax, by - ay);
const from = ([ax, ay], [bx, by]) => [bx - ax, by - ay];
/** A line of an end plate has no direction of its own. */
const rightward = (a, b) => (b[0] < a[0] ? from(b, a) : from(a, b));

function between([ax, ay], [bx, by]) {
  const degrees = (Math.abs(Math.atan2(ax * by - ay * bx, ax * bx + ay * by)) * 180) / Math.PI;
  return Number.isFinite(degrees) ? degrees : 0;
}

function areaOf(corners) {
  const twice = corners.reduce((sum, [x, y], index) => {
    const [nextX, nextY] = corners[(index + 1) % corners.length];
    return sum + x * nextY - nextX * y;
  }, 0);
  return Math.abs(twice) / 2;
}

/** Whether the server has drawn the image: what its pixels hold are shades of the screen. */
export const isDrawn = ({ imageId }) => Boolean(cache.getImage(imageId)?.isDrawn);

/** Statistics of the pixels whose centre lies inside; none where the image is coloured, drawn or not here. */
function valuesOfPixels(kind, points, frame) {
  const pixels = pixelsOf(frame);
  if (!pixels) return [];
  if (kind === 'probe') {
    const value = pixels.at(Math.floor(points[0][0]), Math.floor(points[0][1]));
    return value === undefined ? [] : [{ quantity: 'value', value, unit: pixels.unit }];
  }
  return SHAPES[kind] ? statistics(SHAPES[kind], points, pixels) : [];
}

function pixelsOf(frame) {
  const image = cache.getImage(frame.imageId);
  if (!image || image.numberOfComponents > 1 || image.color || image.isDrawn) return undefined;
  const { rows, columns, preScale, slope = 1, intercept = 0 } = image;
  const stored = image.voxelManager.getScalarData();
  const scale = preScale?.scaled ? (value) => value : (value) => value * slope + intercept;
  return {
    rows,
    columns,
    unit: KEPT.includes(unitOf(image, frame)) ? unitOf(image, frame) : 'raw',
    at: (column, row) =>
      column >= 0 && row >= 0 && column < columns && row < rows
        ? scale(stored[row * columns + column])
        : undefined,
  };
}

function statistics(isInside, points, { rows, columns, unit, at }) {
  const [left, top, right, bottom] = bounds(points);
  let [count, sum, squares, minimum, maximum] = [0, 0, 0, Infinity, -Infinity];
  const shift = at(Math.floor((left + right) / 2), Math.floor((top + bottom) / 2)) ?? 0; // for precision
  const test = isInside(points);
  for (let row = Math.max(0, Math.floor(top)); row < Math.min(rows, bottom); row += 1) {
    for (let column = Math.max(0, Math.floor(left)); column < Math.min(columns, right); column += 1) {
      if (!test(column + 0.5, row + 0.5)) continue;
      const value = at(column, row);
      count += 1;
      sum += value - shift;
      squares += (value - shift) ** 2;
      minimum = Math.min(minimum, value);
      maximum = Math.max(maximum, value);
    }
  }
  if (!count) return [];
  const mean = sum / count;
  const found = {
    mean: mean + shift,
    standard_deviation: Math.sqrt(Math.max(0, squares / count - mean ** 2)),
    minimum,
    maximum,
  };
  return Object.entries(found).map(([quantity, value]) => ({ quantity, value, unit }));
}

export function bounds(points) {
  const [columns, rows] = [points.map(([column]) => column), points.map(([, row]) => row)];
  return [Math.min(...columns), Math.min(...rows), Math.max(...columns), Math.max(...rows)];
}

/** Whether a line to the left crosses the boundary an odd number of times. */
function isInPolygon(corners) {
  return (x, y) => {
    let inside = false;
    for (let i = 0, j = corners.length - 1; i < corners.length; j = i, i += 1) {
      const [[xi, yi], [xj, yj]] = [corners[i], corners[j]];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
  };
}

function isInEllipse([a, b, c, d]) {
  const center = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const [first, second] = [from(a, b), from(c, d)];
  const part = ([x, y], [ax, ay]) => (x * ax + y * ay) / ((ax * ax + ay * ay) / 2);
  return (x, y) => {
    const point = [x - center[0], y - center[1]];
    return part(point, first) ** 2 + part(point, second) ** 2 <= 1;
  };
}

// --- In words --------------------------------------------------------------------------------

const UNITS = { mm2: 'mm²', px2: 'px²', deg: '°', raw: '' };
const NAMES = {
  length: '', value: '', angle: '', cobb_angle: 'Cobb ', long_axis: 'L ', short_axis: 'S ', area: 'Area ',
  mean: 'Mean ', standard_deviation: 'SD ', minimum: 'Min ', maximum: 'Max ',
};

/** A value with its name and its unit; where it is the detector's, that too. */
export function worded({ quantity, value, unit }, atDetector) {
  const name = NAMES[quantity] ?? `${quantity} `;
  const named = UNITS[unit] ?? unit;
  const note = atDetector && /^mm2?$/.test(unit) ? ' at detector' : '';
  return `${name}${rounded(value)}${named === '°' ? named : ` ${named}`}`.trimEnd() + note;
}

export const rounded = (value) =>
  String(Math.abs(value) >= 1000 ? Math.round(value) : Math.round(value * 100) / 100).replace('-', '−');

/** Lines to stand beside the drawing. */
export function textLines({ kind, label, values, at_detector: atDetector }, frame) {
  const isOfValues = kind === 'probe' || kind in SHAPES;
  const spoken = values.map((value) => worded(value, atDetector));
  const find = (...quantities) =>
    spoken.filter((_, index) => quantities.includes(values[index].quantity)).join('  ');
  const lines = [
    label,
    find('area'), find('mean', 'standard_deviation'), find('minimum', 'maximum'),
    ...spoken.filter((_, index) => !REGION.includes(values[index].quantity)),
    isOfValues && isDrawn(frame) ? 'No values: drawn by the server' : '',
  ];
  return lines.filter(Boolean);
}

const REGION = ['area', 'mean', 'standard_deviation', 'minimum', 'maximum'];
