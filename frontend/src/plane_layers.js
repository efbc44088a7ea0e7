/** What lies over the images, over reconstructed planes: segments where the planes cut them, measurements
 * in the planes in which they were made. What cannot be drawn there is named.
 */
import { Enums, utilities } from '@cornerstonejs/core';

import { text } from './attributes.js';
import { rgbOf } from './colours.js';
import { element, shape } from './dom.js';
import { dot, minus, planeOf, plus } from './geometry.js';
import { textLines } from './measure.js';

const STEP = 2; // pixels of the page for which a segment is looked up once
const OVAL = 48; // corners of what is drawn for an ellipse
const LINE_PIXELS = 16;

export class PlaneLayers {
  #views = []; // those that are shown, with their sheets
  #frames;
  #depthMm; // from slice to slice
  #waiting = new Set();

  /** @param layers with the segmentations that are shown; @param measurements of the reader and of others */
  constructor(layers, measurements) {
    this.layers = layers;
    this.measurements = measurements;
    layers.addEventListener('redraw', () => this.#views.forEach((view) => this.#update(view)));
  }

  /** Draw over the planes of a volume from now on; the last ones are gone. */
  follow({ views, depthMm }, frames) {
    [this.#frames, this.#depthMm] = [frames, depthMm];
    this.#views = views;
    for (const view of views) {
      const canvas = element('canvas', { ariaHidden: 'true' });
      view.sheet = { canvas, drawing: shape('svg', { 'aria-hidden': 'true' }), label: element('p', { className: 'presented' }) };
      view.element.after(element('div', { className: 'sheet' }, canvas, view.sheet.drawing, view.sheet.label));
      view.element.addEventListener(Enums.Events.CAMERA_MODIFIED, () => this.#update(view));
      this.#update(view);
    }
  }

  #update(view) {
    if (!this.#waiting.size) requestAnimationFrame(() => this.#drawWaiting());
    this.#waiting.add(view);
  }

  #drawWaiting() {
    const views = [...this.#waiting].filter((view) => this.#views.includes(view) && view.box.isConnected);
    this.#waiting.clear();
    for (const view of views) this.#draw(view);
  }

  #draw({ viewport, element: box, sheet }) {
    const { canvas, drawing, label } = sheet;
    const { clientWidth: width, clientHeight: height } = box;
    Object.assign(canvas, { width, height });
    drawing.setAttribute('viewBox', `0 0 ${width} ${height}`);
    drawing.replaceChildren();
    const space = planeOf(this.#frames[0]).frameOfReference;
    const { overlays } = this.layers;
    const drawn = overlays.filter((overlay) => overlay.sampler && overlay.frameOfReference === space);
    for (const overlay of drawn) paintSegments(canvas.getContext('2d'), viewport, overlay);
    const own = this.#ofVolume();
    const inPlane = own.filter(({ measurement, frame }) => this.#drawMeasurement(drawing, viewport, measurement, frame));
    label.textContent = [
      omitted(own.length - inPlane.length, 'measurement', 'in another plane'),
      omitted(overlays.length - drawn.length, 'overlay', 'on the images only'),
    ].filter(Boolean).join('\n');
  }

  #ofVolume() {
    const { own, others, isHidden } = this.measurements;
    const frames = new Map(this.#frames.map((frame) => [`${text(frame.instance, '00080018')}/${frame.frame}`, frame]));
    return [...own, ...others].flatMap((measurement) => {
      const frame = frames.get(`${measurement.sop_instance_uid}/${measurement.frame}`);
      return frame && !isHidden(measurement) ? [{ measurement, frame }] : [];
    });
  }

  /** @returns whether all of it lies in the plane */
  #drawMeasurement(drawing, viewport, measurement, frame) {
    const { focalPoint, viewPlaneNormal } = viewport.getCamera();
    const toPatient = (point) => utilities.imageToWorldCoords(frame.imageId, point);
    const isNear = (point) => Math.abs(dot(minus(toPatient(point), focalPoint), viewPlaneNormal)) <= this.#depthMm / 2;
    if (!measurement.points.every(isNear)) return false;
    const toCanvas = (point) => [...viewport.worldToCanvas(toPatient(point))];
    for (const line of linesOf(measurement)) {
      const d = `M${line.map((point) => toCanvas(point).join(' ')).join('L')}`;
      drawing.append(shape('path', { d, class: 'graphic', fill: 'none', stroke: '#ffe14a' }));
    }
    const [x, y] = toCanvas(measurement.points[0]);
    textLines(measurement, frame).forEach((words, index) => {
      const label = shape('text', { x: x + 8, y: y + LINE_PIXELS * index, fill: '#ffe14a', class: 'words' });
      label.textContent = words;
      drawing.append(label);
    });
    return true;
  }
}

const omitted = (count, noun, where) => (count ? `${count} ${noun}${count === 1 ? '' : 's'} ${where}` : '');

/** The lines of a measurement through columns and rows of its image. */
function linesOf({ kind, points }) {
  const [a, b, c, d] = points;
  if (kind === 'rectangle' || kind === 'freehand') return [[...points, a]];
  if (kind === 'bidirectional' || kind === 'cobb') return [[a, b], [c, d]];
  if (kind === 'ellipse') return [oval(points)];
  if (kind === 'probe') return [[plus(a, [-2, 0]), plus(a, [2, 0])], [plus(a, [0, -2]), plus(a, [0, 2])]];
  return [points];
}

function oval([left, right, top, bottom]) {
  const center = plus(left, minus(right, left), 0.5);
  const [long, short] = [minus(right, center), minus(bottom ?? top, center)];
  return Array.from({ length: OVAL + 1 }, (_, index) => {
    const angle = (2 * Math.PI * index) / OVAL;
    return plus(plus(center, long, Math.cos(angle)), short, Math.sin(angle));
  });
}

/** One look-up for each few pixels: points go evenly over the plane. */
function paintSegments(context, viewport, overlay) {
  const [width, height] = [context.canvas.width, context.canvas.height].map((side) => Math.ceil(side / STEP));
  if (!width || !height) return;
  const [start, right, down] = [[0, 0], [1000, 0], [0, 1000]].map((place) => [...viewport.canvasToWorld(place)]);
  const [across, along] = [right, down].map((end) => minus(end, start).map((part) => (part * STEP) / 1000));
  const sample = overlay.sampler();
  const image = context.createImageData(width, height);
  const colours = new Map(overlay.items.map((item) => [item, rgbOf(item.colour)]));
  for (let row = 0; row < height; row += 1) {
    const point = plus(plus(start, along, row + 0.5), across, 0.5);
    for (let column = 0; column < width; column += 1) {
      const found = sample(point);
      if (found) image.data.set([...colours.get(found.item), 255 * found.share], 4 * (row * width + column));
      for (let axis = 0; axis < 3; axis += 1) point[axis] += across[axis];
    }
  }
  const raster = Object.assign(document.createElement('canvas'), { width, height });
  raster.getContext('2d').putImageData(image, 0, 0);
  Object.assign(context, { globalAlpha: overlay.opacity, imageSmoothingEnabled: false });
  context.drawImage(raster, 0, 0, width * STEP, height * STEP);
}
