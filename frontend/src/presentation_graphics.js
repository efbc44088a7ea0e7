/** Graphic annotations of presentation states (PS3.3 C.10.5) as shapes.
 *
 * `units` has for each of the units of C.10.5.1.2 what makes pixels of the page of a point.
 */
import { number, text } from './attributes.js';
import { colourOfLab } from './colours.js';
import { shape } from './dom.js';

const MAX_POINTS = 20_000;
const LINE_PIXELS = 16;

export function boundsOf(points) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** The colour of each graphic layer by its name. */
export function layerColours(instance) {
  const layers = instance['00700060']?.Value ?? [];
  return new Map(layers.map((layer) => [text(layer, '00700002'), colourOfLab(layer['00700401']?.Value)]));
}

function pointsOf(item, toCanvas) {
  const numbers = (item['00700022']?.Value ?? []).slice(0, 2 * MAX_POINTS).map(Number);
  const points = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) points.push(toCanvas([numbers[at], numbers[at + 1]]));
  return points.flat().every(Number.isFinite) ? points : [];
}

/** A graphic object as a shape, undefined where it makes no sense. */
export function graphic(item, units, colour) {
  const toCanvas = units[text(item, '00700005')];
  const points = toCanvas ? pointsOf(item, toCanvas) : [];
  const draw = SHAPES[text(item, '00700023')];
  const d = draw && points.length ? draw(points) : undefined;
  if (!d) return undefined;
  const isFilled = text(item, '00700024') === 'Y';
  return shape('path', { d, stroke: colour, fill: isFilled ? colour : 'none', 'fill-opacity': 0.4, class: 'graphic' });
}

const SHAPES = {
  POINT: ([[x, y]]) => `M${x - 5} ${y}H${x + 5}M${x} ${y - 5}V${y + 5}`,
  POLYLINE: (points) => `M${points.map((point) => point.join(' ')).join('L')}`,
  INTERPOLATED: (points) => curve(points),
  CIRCLE: ([center, edge]) => edge && ring(center, [edge[0] - center[0], edge[1] - center[1]]),
  ELLIPSE: (ends) => ends.length >= 4 && oval(ends),
};

export function ring([x, y], [right, down]) {
  const radius = Math.hypot(right, down);
  return `M${x - radius} ${y}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0Z`;
}

/** Through the ends of its long axis, then of its short one. */
function oval([from, to, upper, lower]) {
  const [long, short] = [[from, to], [upper, lower]].map(([a, b]) => Math.hypot(b[0] - a[0], b[1] - a[1]) / 2);
  const turn = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
  const arc = (end) => `A${long} ${short} ${turn} 0 1 ${end.join(' ')}`;
  return `M${from.join(' ')}${arc(to)}${arc(from)}Z`;
}

/** A smooth line through all points (Catmull and Rom, as Bézier curves). */
function curve(points) {
  const at = (index) => points[Math.max(0, Math.min(points.length - 1, index))];
  let d = `M${points[0].join(' ')}`;
  for (let n = 0; n + 1 < points.length; n += 1) {
    const [before, from, to, after] = [at(n - 1), at(n), at(n + 1), at(n + 2)];
    const first = [0, 1].map((axis) => from[axis] + (to[axis] - before[axis]) / 6);
    const second = [0, 1].map((axis) => to[axis] - (after[axis] - from[axis]) / 6);
    d += `C${[...first, ...second, ...to].join(' ')}`;
  }
  return d;
}

/** A text in its box, or at its anchor, with a line to the anchor where that is to be seen. */
export function words(item, units, colour) {
  const lines = text(item, '00700006').split(/\r\n|\r|\n/).slice(0, 50);
  const pair = (tag) => [number(item, tag, 0), number(item, tag, 1)];
  const place = (tag, units_) => (pair(tag).includes(undefined) ? undefined : units_?.(pair(tag)));
  const boxUnits = units[text(item, '00700003')];
  const box = ['00700010', '00700011'].map((tag) => place(tag, boxUnits)).filter(Boolean);
  const anchor = place('00700014', units[text(item, '00700004')]);
  const { x, y } = box.length === 2 ? boundsOf(box) : { x: anchor?.[0], y: anchor?.[1] };
  if (!Number.isFinite(x) || !Number.isFinite(y)) return [];
  const spans = lines.map((line, index) => {
    const span = shape('tspan', { x, dy: index ? LINE_PIXELS : LINE_PIXELS - 2 });
    span.textContent = line;
    return span;
  });
  const label = shape('text', { x, y, fill: colour, class: 'words' }, ...spans);
  const isTied = anchor && box.length && text(item, '00700015') === 'Y';
  return isTied ? [shape('path', { d: `M${x} ${y}L${anchor.join(' ')}`, stroke: colour, fill: 'none', class: 'graphic' }), label] : [label];
}
