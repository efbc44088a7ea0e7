/** How the shown frame is presented: window, zoom, flips, turns. Nothing here changes pixels. */
import { presetsFor, toRange } from './presets.js';

const change = (stack, edit) => {
  if (stack.shown === undefined) return;
  edit(stack.viewport);
  stack.viewport.render();
};

export const invert = (stack) =>
  change(stack, (viewport) => viewport.setProperties({ invert: !viewport.getProperties().invert }));

export const flip = (stack, side) =>
  change(stack, (viewport) => viewport.setCamera({ [side]: !viewport.getCamera()[side] }));

export const rotate = (stack, degrees) =>
  change(stack, (viewport) => {
    const rotation = (viewport.getViewPresentation().rotation + degrees + 360) % 360;
    viewport.setViewPresentation({ rotation });
  });

export const zoomBy = (stack, factor) =>
  change(stack, (viewport) => viewport.setZoom(viewport.getZoom() * factor));

export const fit = (stack) => change(stack, (viewport) => viewport.resetCamera());

/** The first VOI LUT of the header, else its window, else all values. */
export const defaultWindow = (stack) =>
  change(stack, (viewport) => {
    if (stack.transfer.choose(0)) return;
    const { windowCenter, windowWidth, voiLUTFunction } = viewport.getCornerstoneImage();
    const window = { center: windowCenter, width: windowWidth };
    viewport.setProperties({ voiRange: toRange(window, voiLUTFunction) });
  });

/** Apply the preset at `index`; nothing happens where the list is shorter. */
export const applyPreset = (stack, index) =>
  change(stack, (viewport) => {
    const preset = presetsFor(stack.frame, viewport.getCornerstoneImage())[index];
    if (!preset || stack.transfer.choose(preset.table)) return;
    stack.transfer.leave();
    const { VOILUTFunction } = viewport.getProperties();
    viewport.setProperties({ voiRange: toRange(preset, VOILUTFunction) });
  });
