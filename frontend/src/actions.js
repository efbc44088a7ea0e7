/** Everything a reader can do, by name: toolbar and keyboard call the same functions. */
import { applyPreset, defaultWindow, fit, flip, invert, rotate, zoomBy } from './view.js';

const PAGE = 10; // images passed by Page Up and Page Down
const ZOOM_STEP = 1.25;

export function makeActions({ viewer, stack, tools, cine, root, help }) {
  const scroll = (steps) => () => stack.goTo(stack.wanted + steps);
  return {
    tool: (name) => tools.choose(name),
    next: scroll(1),
    previous: scroll(-1),
    nextPage: scroll(PAGE),
    previousPage: scroll(-PAGE),
    first: () => stack.goTo(0),
    last: () => stack.goTo(stack.frames.length - 1),
    nextSeries: () => viewer.openNeighbour(1),
    previousSeries: () => viewer.openNeighbour(-1),
    zoomIn: () => zoomBy(stack, ZOOM_STEP),
    zoomOut: () => zoomBy(stack, 1 / ZOOM_STEP),
    fit: () => fit(stack),
    invert: () => invert(stack),
    flipHorizontal: () => flip(stack, 'flipHorizontal'),
    flipVertical: () => flip(stack, 'flipVertical'),
    rotateRight: () => rotate(stack, 90),
    rotateLeft: () => rotate(stack, -90),
    reset: () => stack.reset(),
    defaultWindow: () => defaultWindow(stack),
    preset: (index) => applyPreset(stack, index),
    cine: () => cine.toggle(),
    overlay: () => root.toggleAttribute('data-plain'),
    help: () => help.showModal(),
  };
}
