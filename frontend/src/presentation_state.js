/** Softcopy presentation states (PS3.3 A.33): how somebody wanted images to be seen, and what they wrote on them. */
import { number, text } from './attributes.js';
import { rgbOf } from './colours.js';
import { planesOf } from './overlay_planes.js';
import { toRange } from './presets.js';
import { curveOfPresentation, unusableTables } from './presentation_curve.js';
import { boundsOf, graphic, layerColours, words } from './presentation_graphics.js';
import { refersTo } from './references.js';
import { shutterOf, shutterShade } from './shutter.js';

const CLASSES = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.11\.\d+$/;
const MAX_OBJECTS = 2000;

export const isPresentationState = (instance) => CLASSES.test(text(instance, '00080016'));

export class Presentation {
  #instance;
  #images;
  #applied = new WeakMap(); // pane → image id

  constructor(series, instance) {
    this.series = series;
    this.#instance = instance;
    this.#images = (instance['00081115']?.Value ?? []).flatMap((one) => one['00081140']?.Value ?? []);
    this.uid = text(instance, '00080018');
    const label = text(instance, '00700080') || 'Presentation state';
    this.title = [label, text(instance, '00700081')].filter(Boolean).join(': ');
  }

  get first() {
    const [image] = this.#images;
    return image && { sopInstanceUid: text(image, '00081155'), frame: number(image, '00081160') ?? 1 };
  }

  /** What of it is not done here, in words. */
  get omitted() {
    const shapes = this.#instance['00181600']?.Value ?? [];
    return [
      ...unusableTables(this.#instance),
      this.#instance['00700232']?.Value?.length && 'graphic groups',
      shapes.includes('BITMAP') && !this.bitmapShutter.length && 'a bitmap shutter',
    ].filter(Boolean);
  }

  covers(frame) {
    return this.#images.some((image) => refersTo(image, frame));
  }

  /** To be called for every picture of a pane: presents those it speaks of, and gives back the others. */
  follow(pane) {
    const { frame } = pane;
    if (this.#applied.get(pane) === frame.imageId) return;
    if (!this.covers(frame)) {
      this.leave(pane);
      return;
    }
    this.#applied.set(pane, frame.imageId);
    pane.presentation = this;
    this.#turn(pane.viewport);
    this.#place(pane.viewport, frame);
    this.#window(pane.stack, frame);
    pane.viewport.render();
  }

  leave(pane) {
    if (this.forget(pane)) pane.stack.reset();
  }

  /** The pane has a new viewport, which knows nothing of it. @returns whether it was applied */
  forget(pane) {
    if (pane.presentation === this) pane.presentation = undefined;
    return this.#applied.delete(pane);
  }

  /** The items of one of its modules that are for this frame. */
  #itemsFor(tag, frame) {
    const items = this.#instance[tag]?.Value ?? [];
    return items.filter((item) => {
      const images = item['00081140']?.Value ?? [];
      return !images.length || images.some((image) => refersTo(image, frame));
    });
  }

  /** Spatial Transformation (C.10.6): turned to the right, then flipped as it is seen. */
  #turn(viewport) {
    const rotation = number(this.#instance, '00700042') ?? 0;
    const flipHorizontal = text(this.#instance, '00700041') === 'Y';
    viewport.resetCamera();
    viewport.setViewPresentation({ flipHorizontal, flipVertical: false, rotation: flipHorizontal ? (360 - rotation) % 360 : rotation });
  }

  /** Displayed Area (C.10.4): as large as fits, or each pixel so many of the screen. */
  #place(viewport, frame) {
    const [area] = this.#itemsFor('0070005A', frame);
    const corners = area && cornersOf(area);
    if (!corners) return;
    const box = boxOf(viewport, corners);
    const { clientWidth, clientHeight } = viewport.element;
    const ratio = text(area, '00700100') === 'MAGNIFY' ? number(area, '00700103') : undefined;
    const columns = Math.abs(corners[1][0] - corners[0][0]);
    const turned = (number(this.#instance, '00700042') ?? 0) % 180 !== 0;
    const scale = ratio
      ? (ratio * columns) / (turned ? box.height : box.width)
      : Math.min(clientWidth / box.width, clientHeight / box.height);
    if (!(scale > 0 && Number.isFinite(scale))) return;
    viewport.setZoom(viewport.getZoom() * scale);
    const moved = boxOf(viewport, corners);
    const [x, y] = viewport.getPan();
    viewport.setPan([x + clientWidth / 2 - moved.x - moved.width / 2, y + clientHeight / 2 - moved.y - moved.height / 2]);
  }

  /** VOI (C.11.8) and Presentation LUT Shape (C.11.6), which stands for the photometric interpretation too. */
  #window({ viewport, transfer }, frame) {
    const image = viewport.getCornerstoneImage();
    if (image.color) return;
    const shapeOfLut = text(this.#instance, '20500020');
    const properties = shapeOfLut ? { invert: shapeOfLut === 'INVERSE' } : {};
    const [item] = this.#itemsFor('00283110', frame);
    const curve = image.isDrawn ? undefined : curveOfPresentation(this.#instance, item, frame, image);
    if (curve) {
      viewport.setProperties(properties);
      transfer.present(curve);
      return;
    }
    const center = item && number(item, '00281050');
    const width = item && number(item, '00281051');
    if (center !== undefined && width > 0) {
      const change = this.#rescale(frame.instance);
      const range = toRange({ center, width }, text(item, '00281056') || 'LINEAR');
      properties.voiRange = { lower: change(range.lower), upper: change(range.upper) };
    }
    viewport.setProperties(properties);
  }

  /** Its own rescaling stands in the place of the image's; the picture has values of the latter. */
  #rescale(instance) {
    const [slope, intercept] = ['00281053', '00281052'].map((tag) => number(this.#instance, tag));
    if (!slope || intercept === undefined) return (amount) => amount;
    const [ownSlope, ownIntercept] = [number(instance, '00281053') ?? 1, number(instance, '00281052') ?? 0];
    return (amount) => ((amount - intercept) / slope) * ownSlope + ownIntercept;
  }

  /** The overlay planes that it has shown, its own and the image's (C.11.7), in the colours of their layers. */
  activated({ series, instance }) {
    const colours = layerColours(this.#instance);
    const isOwn = ({ group }) => `${group}3000` in this.#instance;
    const planes = [
      ...planesOf(this.#instance).filter(isOwn).map((plane) => ({ plane, source: { series: this.series, instance: this.#instance } })),
      ...planesOf(instance).filter((plane) => !isOwn(plane)).map((plane) => ({ plane, source: { series, instance } })),
    ];
    return planes.flatMap(({ plane, source }) => {
      const layer = text(this.#instance, `${plane.group}1001`);
      const colour = colours.get(layer);
      return layer ? [{ plane, source, colour: colour && [...rgbOf(colour), 255] }] : [];
    });
  }

  /** The overlay plane whose bits hide what lies below (C.7.6.15), as `activated`. */
  get bitmapShutter() {
    const group = (number(this.#instance, '00181623') ?? 0).toString(16).toUpperCase();
    if (!(this.#instance['00181600']?.Value ?? []).includes('BITMAP')) return [];
    const planes = planesOf(this.#instance).filter((plane) => plane.group === group);
    const shade = shutterShade(this.#instance);
    const source = { series: this.series, instance: this.#instance };
    return planes.map((plane) => ({ plane, source, colour: [shade, shade, shade, 255] }));
  }

  draw(sheet, frame) {
    const [area] = this.#itemsFor('0070005A', frame);
    const corners = (area && cornersOf(area)) ?? [[0, 0], [number(frame.instance, '00280011'), number(frame.instance, '00280010')]];
    const units = unitsOf(sheet, corners);
    const hole = shutterOf(this.#instance, frame, units.PIXEL);
    if (hole) sheet.drawing.append(hole);
    const colours = layerColours(this.#instance);
    let left = MAX_OBJECTS;
    for (const annotation of this.#itemsFor('00700001', frame)) {
      const colour = colours.get(text(annotation, '00700002')) ?? '#ffe14a';
      const objects = [
        ...(annotation['00700009']?.Value ?? []).slice(0, left).map((one) => graphic(one, units, colour)),
        ...(annotation['00700008']?.Value ?? []).slice(0, left).flatMap((one) => words(one, units, colour)),
      ].filter(Boolean);
      left = Math.max(0, left - objects.length);
      sheet.drawing.append(...objects);
    }
  }
}

/** The edges of the area that is to be seen, counted from the upper left corner of the first pixel. */
function cornersOf(area) {
  const [left, top, right, bottom] = ['00700052', '00700053'].flatMap((tag) => [0, 1].map((n) => number(area, tag, n)));
  if ([left, top, right, bottom].includes(undefined) || right < left || bottom < top) return undefined;
  return [[left - 1, top - 1], [right, bottom]];
}

/** From edges of pixels to where they are on the page. */
function boxOf(viewport, corners) {
  const { origin, direction, spacing } = viewport.getImageData();
  const points = corners.map(([x, y]) => [...viewport.worldToCanvas([0, 1, 2].map((axis) =>
    origin[axis] + direction[axis] * spacing[0] * (x - 0.5) + direction[axis + 3] * spacing[1] * (y - 0.5)))]);
  return boundsOf(points);
}

/** Of Graphic Annotation Units (C.10.5.1.2): pixels of the image, or shares of the displayed area. */
function unitsOf(sheet, corners) {
  const PIXEL = ([x, y]) => sheet.pictureToCanvas([x - 0.5, y - 0.5]);
  const box = boundsOf(corners.map(PIXEL));
  return { PIXEL, DISPLAY: ([x, y]) => [box.x + x * box.width, box.y + y * box.height] };
}
