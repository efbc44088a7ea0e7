/** A segmentation or a structure set as the list of what it outlines, with a way to see it over images. */
import { element } from './dom.js';
import { button } from './messages.js';
import { referencedSeries } from './references.js';
import { isSegmentation, Segmentation } from './segmentation.js';
import { StructureSet } from './structure_set.js';

export const readOverlay = (series, instance) =>
  isSegmentation(instance) ? new Segmentation(series, instance) : new StructureSet(series, instance);

export function overlayNode(series, instance) {
  const node = element('div');
  let overlay;
  try {
    overlay = readOverlay(series, instance);
  } catch (error) {
    node.append(element('p', { textContent: `It cannot be drawn. ${error.message}` }));
    return node;
  }
  const items = overlay.items.map(({ name, colour }) => element('li', {}, swatch(colour), name));
  const [seriesInstanceUid] = referencedSeries(instance);
  const detail = { overlay, instance, seriesInstanceUid };
  const show = button('Show it over its images', () =>
    node.dispatchEvent(new CustomEvent('show-overlay', { bubbles: true, detail })));
  node.append(show, element('ul', { className: 'outlined' }, ...items));
  return node;
}

export function swatch(colour) {
  const made = element('span', { className: 'swatch' });
  made.style.backgroundColor = colour;
  return made;
}
