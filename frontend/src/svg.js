/** Shapes drawn over pictures. */
import { shape } from './dom.js';

export function svg(name) {
  const layer = shape('svg', { class: name });
  layer.setAttribute('aria-hidden', 'true');
  return layer;
}

export const line = ([x1, y1], [x2, y2], kind = 'line') => shape('line', { x1, y1, x2, y2, class: kind });
export const circle = ([cx, cy], r) => shape('circle', { cx, cy, r });
