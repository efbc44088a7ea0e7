/** The display shutter (PS3.3 C.7.6.11): shapes beyond which a picture is hidden. */
import { number } from './attributes.js';
import { shape } from './dom.js';
import { ring } from './presentation_graphics.js';

const MAX_POINTS = 20_000;

/** What the shutter hides: the whole picture but for where each of its shapes lets see. */
export function shutterOf(instance, frame, toCanvas) {
  const [rows, columns] = ['00280010', '00280011'].map((tag) => number(frame.instance, tag));
  const outer = outline([[0, 0], [columns, 0], [columns, rows], [0, rows]], toCanvas);
  const grey = shutterShade(instance);
  const holes = (instance['00181600']?.Value ?? []).map((kind) => HOLES[kind]?.(instance, toCanvas)).filter(Boolean);
  if (!holes.length) return undefined;
  return shape('g', { fill: `rgb(${grey} ${grey} ${grey})`, class: 'shutter' }, ...holes.map((hole) =>
    shape('path', { d: `${outer}${hole}`, 'fill-rule': 'evenodd' })));
}

/** Of Shutter Presentation Value, a P-Value, in 8 bits. */
export const shutterShade = (instance) =>
  Math.round(Math.max(0, Math.min(65535, number(instance, '00181622') ?? 0)) / 257);

const outline = (corners, toCanvas) => `M${corners.map((point) => toCanvas(point).join(' ')).join('L')}Z`;

const HOLES = {
  RECTANGULAR(instance, toCanvas) {
    const [left, right, top, bottom] = ['00181602', '00181604', '00181606', '00181608'].map((tag) => number(instance, tag));
    if ([left, right, top, bottom].includes(undefined)) return undefined;
    return outline([[left - 1, top - 1], [right, top - 1], [right, bottom], [left - 1, bottom]], toCanvas);
  },
  CIRCULAR(instance, toCanvas) {
    const [row, column, radius] = [number(instance, '00181610', 0), number(instance, '00181610', 1), number(instance, '00181612')];
    if ([row, column, radius].includes(undefined)) return undefined;
    const [center, edge] = [toCanvas([column - 0.5, row - 0.5]), toCanvas([column - 0.5 + radius, row - 0.5])];
    return ring(center, [edge[0] - center[0], edge[1] - center[1]]);
  },
  POLYGONAL(instance, toCanvas) {
    const numbers = (instance['00181620']?.Value ?? []).slice(0, 2 * MAX_POINTS).map(Number);
    const corners = [];
    for (let at = 0; at + 1 < numbers.length; at += 2) corners.push([numbers[at + 1] - 0.5, numbers[at] - 0.5]);
    return corners.length > 2 && corners.flat().every(Number.isFinite) ? outline(corners, toCanvas) : undefined;
  },
};
