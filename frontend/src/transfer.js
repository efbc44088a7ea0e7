/** How values become shades where that is no window: by a VOI LUT of the header (PS3.3 C.11.2.1.1),
 * or by what a presentation state says.
 *
 * A curve is `{ lower, upper, shades, label }`: shades from 0, black, to 1 at even steps from the one
 * value to the other, as for the outermost beyond them. Cornerstone has no name for such a thing: the
 * graphics card gets it as the colours of the image, the processor as a table of its own.
 */
import { Enums, utilities } from '@cornerstonejs/core';

import { isCpuRendering } from './cornerstone.js';
import { voiTables } from './lookup_tables.js';

const MOST_SHADES = 4096; // texels in a row that every graphics card takes

const curves = new WeakMap(); // table → curve
let tablesMade = 0;

/** What a stack's viewport shows its values by. */
export class Transfer {
  #stack;
  #appliedTo; // image id
  #wanted = 0; // index of the VOI LUT, undefined for a window

  curve = undefined; // by which the picture is shown; undefined for a window

  constructor(stack, element) {
    this.#stack = stack;
    element.addEventListener(Enums.Events.VOI_MODIFIED, () => this.#onWindow());
  }

  /** For a new viewport: as the header has it. */
  reset() {
    this.curve = undefined;
    this.#appliedTo = undefined;
    this.#wanted = 0;
  }

  /** Index of the VOI LUT that is shown, undefined where there is none. */
  get index() {
    return this.curve && this.#wanted;
  }

  /** Show the VOI LUT at `index` of each image that has so many. @returns whether this one has */
  choose(index) {
    this.#wanted = index;
    const { frame } = this.#stack;
    return this.#show(headerCurve(frame, index), frame.imageId);
  }

  /** Show the picture by a curve that is not of its header. */
  present(curve) {
    this.#wanted = undefined;
    this.#show(curve, this.#stack.frame.imageId);
  }

  /** Back to a window, of this image and those that follow. */
  leave() {
    this.#wanted = undefined;
    this.#clear();
  }

  /** To be called when the viewport has got another image, before it is painted. */
  follow() {
    const { frames, wanted, viewport } = this.#stack;
    const image = viewport.getCornerstoneImage();
    if (!image || image.imageId === this.#appliedTo) return;
    const { imageId, color, isDrawn, voiLUTFunction = 'LINEAR' } = image;
    if (!isCpuRendering() && viewport.getProperties().VOILUTFunction !== voiLUTFunction) {
      viewport.setVOILUTFunction(voiLUTFunction, true);
    }
    const frame = frames[wanted]?.imageId === imageId ? frames[wanted] : frames.find((one) => one.imageId === imageId);
    const curve = frame && !color && !isDrawn ? headerCurve(frame, this.#wanted) : undefined;
    if (!this.#show(curve, imageId)) this.#clear();
  }

  /** A window that somebody has set, and not the viewport on its way to another image. */
  #onWindow() {
    if (this.curve && this.#appliedTo === this.#stack.viewport.getCornerstoneImage()?.imageId) this.leave();
  }

  #show(curve, imageId) {
    if (!curve) return false;
    const { viewport } = this.#stack;
    this.curve = curve;
    this.#appliedTo = imageId;
    viewport.setVOI({ lower: curve.lower, upper: curve.upper }, { suppressEvents: true }); // where a drag starts
    if (isCpuRendering()) giveToProcessor(viewport, curve);
    else drawBy(viewport, curve);
    return true;
  }

  #clear() {
    if (!this.curve) return;
    const { viewport } = this.#stack;
    this.curve = undefined;
    this.#appliedTo = undefined;
    if (isCpuRendering()) giveToProcessor(viewport, undefined);
    else drawBy(viewport, undefined);
  }
}

/** The curve of a VOI LUT of the header. */
export function headerCurve(frame, index) {
  const table = voiTables(frame).tables[index];
  if (!table) return undefined;
  if (!curves.has(table)) curves.set(table, curveOf(table));
  return curves.get(table);
}

/** What stands over the picture in the place of a window. */
export const curveName = ({ label }) => ['VOI LUT', label].filter(Boolean).join(' ');

/** Without the ends in which nothing changes. */
function curveOf({ first, entries, top, label }) {
  let [start, end] = [0, entries.length - 1];
  while (start < end - 1 && entries[start + 1] === entries[0]) start += 1;
  while (end > start + 1 && entries[end - 1] === entries.at(-1)) end -= 1;
  const shades = Float32Array.from(entries.subarray(start, end + 1), (entry) => Math.min(1, entry / top));
  const lower = first + start;
  return { lower, upper: lower + Math.max(1, shades.length - 1), shades, label };
}

/** The shade between the steps of a curve. */
export function shadeAt({ lower, upper, shades }, amount) {
  const last = shades.length - 1;
  const place = Math.max(0, Math.min(last, ((amount - lower) / (upper - lower)) * last));
  const below = Math.floor(place);
  const above = Math.min(last, below + 1);
  return shades[below] + (shades[above] - shades[below]) * (place - below);
}

/** Have a viewport on the graphics card draw by a curve, or without one by its window.
 *
 * The curve goes there as colours, which vtk.js samples from end to end, and takes for the middles of texels.
 */
export function drawBy(viewport, curve) {
  const { actor } = viewport.getDefaultActor();
  const { voiRange, invert, VOILUTFunction } = viewport.getProperties();
  const { createLinearRGBTransferFunction: linear, createSigmoidRGBTransferFunction: sigmoid } = utilities;
  const colours = VOILUTFunction === 'SIGMOID' ? sigmoid(voiRange) : linear(voiRange);
  if (curve) {
    const count = Math.max(2, Math.min(MOST_SHADES, curve.shades.length));
    const step = (curve.upper - curve.lower) / (count - 1);
    const nodes = Array.from({ length: count }, (_, index) => {
      const shade = shadeAt(curve, curve.lower + index * step);
      const x = curve.lower - step / 2 + (index * step * count) / (count - 1);
      return { x, r: shade, g: shade, b: shade, midpoint: 0.5, sharpness: 0 };
    });
    actor.getMapper().setColorTextureWidth(count);
    colours.setNodes(nodes);
  }
  if (invert) utilities.invertRgbTransferFunction(colours);
  actor.getProperty().setRGBTransferFunction(0, colours);
}

/** As a table for whole values, which Cornerstone's drawing on the processor knows. */
function giveToProcessor(viewport, curve) {
  const { viewport: drawn } = viewport._cpuFallbackEnabledElement; // it has no other door
  const first = Math.floor(curve?.lower);
  drawn.voiLUT = curve && {
    id: (tablesMade += 1),
    firstValueMapped: first,
    numBitsPerEntry: 8,
    lut: Array.from({ length: Math.ceil(curve.upper) - first + 1 }, (_, index) => Math.round(255 * shadeAt(curve, first + index))),
  };
}
