/** Softcopy presentation states (PS3.3 A.33): how somebody wanted images to be seen, and what they wrote on them. */
import { number, text } from './attributes.js';
import { shape } from './dom.js';
import { colourOfLab, rgbOf } from './colours.js';
import { planesOf } from './overlay_planes.js';
import { toRange } from './presets.js';
import { curveOfPresentation, unusableTables } from './presentation_curve.js';
import { refersTo } from './references.js';

const CLASSES = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.11\.\d+$/;
const MAX_OBJECTS = 2000;
const MAX_POINTS = 20_000;
const LINE_PIXELS = 16;
const SHUTTER = 'shutter';

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

function boundsOf(points) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** Of Graphic Annotation Units (C.10.5.1.2): pixels of the image, or shares of the displayed area. */
function unitsOf(sheet, corners) {
  const PIXEL = ([x, y]) => sheet.pictureToCanvas([x - 0.5, y - 0.5]);
  const box = boundsOf(corners.map(PIXEL));
  return { PIXEL, DISPLAY: ([x, y]) => [box.x + x * box.width, box.y + y * box.height] };
}

// --- Graphics (C.10.5) ---------------------------------------------------------------------------

function layerColours(instance) {
  const layers = instance['00700060']?.Value ?? [];
  return new Map(layers.map((layer) => [text(layer, '00700002'), colourOfLab(layer['00700401']?.Value)]));
}

function pointsOf(item, toCanvas) {
  const numbers = (item['00700022']?.Value ?? []).slice(0, 2 * MAX_POINTS).map(Number);
  const points = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) points.push(toCanvas([numbers[at], numbers[at + 1]]));
  return points.flat().every(Number.isFinite) ? points : [];
}

function graphic(item, units, colour) {
  const toCanvas = units[text(item, '00700005')];
  const points = toCanvas ? pointsOf(item, toCanvas) : [];
  const draw = SHAPES[text(item, '00700023')];
  const d = draw && points.length ? draw(points) : undefined;
  if (!d) return undefined;
  const isFilled = text(item, '00700024') === 'Y';
  return shape('path', { d, stroke: colour, fill: isFilled ? colour : 'none', 'fill-opacity': 0.4, class: 'graphic' });
}

const SHAPES = {
  POINT: ([[x, y]]) => `M${x - 5} ${y}H${x + 5}M${x} ${y - 5}V${y + 5}`,
  POLYLINE: (points) => `M${points.map((point) => point.join(' ')).join('L')}`,
  INTERPOLATED: (points) => curve(points),
  CIRCLE: ([center, edge]) => edge && ring(center, [edge[0] - center[0], edge[1] - center[1]]),
  ELLIPSE: (ends) => ends.length >= 4 && oval(ends),
};

function ring([x, y], [right, down]) {
  const radius = Math.hypot(right, down);
  return `M${x - radius} ${y}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0Z`;
}

/** Through the ends of its long axis, then of its short one. */
function oval([from, to, upper, lower]) {
  const [long, short] = [[from, to], [upper, lower]].map(([a, b]) => Math.hypot(b[0] - a[0], b[1] - a[1]) / 2);
  const turn = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
  const arc = (end) => `A${long} ${short} ${turn} 0 1 ${end.join(' ')}`;
  return `M${from.join(' ')}${arc(to)}${arc(from)}Z`;
}

/** A smooth line through all points (Catmull and Rom, as Bézier curves). */
function curve(points) {
  const at = (index) => points[Math.max(0, Math.min(points.length - 1, index))];
  let d = `M${points[0].join(' ')}`;
  for (let n = 0; n + 1 < points.length; n += 1) {
    const [before, from, to, after] = [at(n - 1), at(n), at(n + 1), at(n + 2)];
    const first = [0, 1].map((axis) => from[axis] + (to[axis] - before[axis]) / 6);
    const second = [0, 1].map((axis) => to[axis] - (after[axis] - from[axis]) / 6);
    d += `C${[...first, ...second, ...to].join(' ')}`;
  }
  return d;
}

/** A text in its box, or at its anchor, with a line to the anchor where that is to be seen. */
function words(item, units, colour) {
  const lines = text(item, '00700006').split(/\r\n|\r|\n/).slice(0, 50);
  const pair = (tag) => [number(item, tag, 0), number(item, tag, 1)];
  const place = (tag, units_) => (pair(tag).includes(undefined) ? undefined : units_?.(pair(tag)));
  const boxUnits = units[text(item, '00700003')];
  const box = ['00700010', '00700011'].map((tag) => place(tag, boxUnits)).filter(Boolean);
  const anchor = place('00700014', units[text(item, '00700004')]);
  const { x, y } = box.length === 2 ? boundsOf(box) : { x: anchor?.[0], y: anchor?.[1] };
  if (!Number.isFinite(x) || !Number.isFinite(y)) return [];
  const spans = lines.map((line, index) => {
    const span = shape('tspan', { x, dy: index ? LINE_PIXELS : LINE_PIXELS - 2 });
    span.textContent = line;
    return span;
  });
  const label = shape('text', { x, y, fill: colour, class: 'words' }, ...spans);
  const isTied = anchor && box.length && text(item, '00700015') === 'Y';
  return isTied ? [shape('path', { d: `M${x} ${y}L${anchor.join(' ')}`, stroke: colour, fill: 'none', class: 'graphic' }), label] : [label];
}

// --- Shutter (C.7.6.11) --------------------------------------------------------------------------

/** What the shutter hides: the whole picture but for where each of its shapes lets see. */
function shutterOf(instance, frame, toCanvas) {
  const [rows, columns] = ['00280010', '00280011'].map((tag) => number(frame.instance, tag));
  const outer = outline([[0, 0], [columns, 0], [columns, rows], [0, rows]], toCanvas);
  const grey = shutterShade(instance);
  const holes = (instance['00181600']?.Value ?? []).map((kind) => HOLES[kind]?.(instance, toCanvas)).filter(Boolean);
  if (!holes.length) return undefined;
  return shape('g', { fill: `rgb(${grey} ${grey} ${grey})`, class: SHUTTER }, ...holes.map((hole) =>
    shape('path', { d: `${outer}${hole}`, 'fill-rule': 'evenodd' })));
}

/** Of Shutter Presentation Value, a P-Value, in 8 bits. */
const shutterShade = (instance) =>
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
