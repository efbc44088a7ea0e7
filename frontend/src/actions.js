/** Everything a reader can do, by name: toolbar and keyboard call the same functions. */
import { linkingActions } from './linking.js';
import { mprActions } from './mpr.js';
import { fullscreenActions } from './fullscreen.js';
import { layoutActions } from './layout.js';
import { keptWorkActions } from './kept_work.js';
import { exportActions } from './export.js';
import { applyPreset, defaultWindow, fit, flip, invert, rotate, zoomBy } from './view.js';

const PAGE = 10; // images passed by Page Up and Page Down
const ZOOM_STEP = 1.25;

/** @param context `{ viewer, tools, panels, linking, mpr, root, help }`; modules of their own add their actions here */
export function makeActions(context) {
  return {
    ...imageActions(context),
    ...viewActions(context),
    ...pageActions(context),
    ...linkingActions(context),
    ...mprActions(context),
    ...layoutActions(context),
    ...fullscreenActions(context),
    ...keptWorkActions(context),
    ...exportActions(context),
  };
}

function imageActions({ viewer }) {
  const stack = () => viewer.active.stack;
  const scroll = (steps) => () => stack().goTo(stack().wanted + steps);
  return {
    next: scroll(1),
    previous: scroll(-1),
    nextPage: scroll(PAGE),
    previousPage: scroll(-PAGE),
    first: () => stack().goTo(0),
    last: () => stack().goTo(stack().frames.length - 1),
    nextSeries: () => viewer.openNeighbour(1),
    previousSeries: () => viewer.openNeighbour(-1),
    cine: () => viewer.active.cine.toggle(),
    slower: () => viewer.active.cine.slower(),
    faster: () => viewer.active.cine.faster(),
  };
}

function viewActions({ viewer }) {
  const shown = (change, ...rest) => () => change(viewer.active.stack, ...rest);
  return {
    zoomIn: shown(zoomBy, ZOOM_STEP),
    zoomOut: shown(zoomBy, 1 / ZOOM_STEP),
    fit: shown(fit),
    invert: shown(invert),
    flipHorizontal: shown(flip, 'flipHorizontal'),
    flipVertical: shown(flip, 'flipVertical'),
    rotateRight: shown(rotate, 90),
    rotateLeft: shown(rotate, -90),
    reset: () => viewer.active.stack.reset(),
    defaultWindow: shown(defaultWindow),
    preset: (index) => applyPreset(viewer.active.stack, index),
  };
}

function pageActions({ viewer, tools, panels, root, help }) {
  return {
    tool: (name) => tools.choose(name),
    escape: () => tools.cancel() || viewer.active.stack.reset(),
    nextPane: () => viewer.activateNeighbour(1),
    previousPane: () => viewer.activateNeighbour(-1),
    maximise: () => viewer.maximise(viewer.active),
    grid: (size) => {
      viewer.setGrid(...size.split('x').map(Number)); // rows, columns
      viewer.fill();
    },
    panel: (name) => panels.toggle(name),
    overlay: () => root.toggleAttribute('data-plain'),
    print: () => globalThis.print(),
    help: () => help.showModal(),
  };
}
