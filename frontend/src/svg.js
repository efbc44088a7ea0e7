/** Shapes drawn over pictures. */

const SVG = 'http://www.w3.org/2000/svg';

export function svg(name) {
  const layer = shape('svg', { class: name });
  layer.setAttribute('aria-hidden', 'true');
  return layer;
}

export const line = ([x1, y1], [x2, y2], kind = 'line') => shape('line', { x1, y1, x2, y2, class: kind });
export const circle = ([cx, cy], r) => shape('circle', { cx, cy, r });

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, content] of Object.entries(attributes)) element.setAttribute(key, content);
  return element;
}
