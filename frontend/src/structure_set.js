/** Radiotherapy structure sets (PS3.3 C.8.8.5, C.8.8.6): outlines in the patient, drawn on the images they cut. */
import { number, text } from './attributes.js';
import { colourNumber, colourOfRgb } from './colours.js';
import { dot, planeOf } from './geometry.js';

const STORAGE = '1.2.840.10008.5.1.4.1.1.481.3';
const MAX_POINTS = 4_000_000;
const DEFAULT_SLICE_MM = 1;
const FLAT_MM = 0.5; // a contour may bend that much and still be one of the slice
const POINT_PIXELS = 5;

export const isStructureSet = (instance) => text(instance, '00080016') === STORAGE;

export class StructureSet {
  #frames; // frames of reference

  opacity = 1;

  /** @throws {Error} with a sentence where the header makes no sense */
  constructor(series, instance) {
    this.series = series;
    const contours = new Map((instance['30060039']?.Value ?? []).map((one) => [number(one, '30060084'), one]));
    this.items = (instance['30060020']?.Value ?? []).map((roi, index) => describeRoi(roi, contours, index));
    this.#frames = new Set(this.items.map(({ frameOfReference }) => frameOfReference));
    if (!this.items.length) throw new Error('It names no structures.');
    const points = this.items.flatMap((item) => item.contours).reduce((sum, one) => sum + one.points.length / 3, 0);
    if (points > MAX_POINTS) throw new Error('It has too many points to be drawn here.');
  }

  async load() {} // everything is in the header

  suits(frame) {
    return this.#frames.has(planeOf(frame)?.frameOfReference);
  }

  /** @param sheet what is drawn on, see layers.js */
  draw(sheet, frame) {
    const plane = planeOf(frame);
    if (!plane?.frameOfReference) return;
    const { context } = sheet;
    const half = (plane.thickness || DEFAULT_SLICE_MM) / 2;
    context.save();
    context.globalAlpha = this.opacity;
    context.lineWidth = 2;
    const origin = plane.depth;
    for (const item of this.items) {
      if (!item.isVisible || item.frameOfReference !== plane.frameOfReference) continue;
      context.strokeStyle = item.colour;
      for (const contour of item.contours) {
        if (lies(contour.points, plane.normal, origin, half)) trace(sheet, contour);
      }
    }
    context.restore();
  }
}

/** Whether a contour is one of this slice: flat, and no further away than half a slice. */
function lies(points, normal, origin, half) {
  const away = (at) => dot(normal, points.subarray(at, at + 3)) - origin;
  const first = away(0);
  if (Math.abs(first) > half) return false;
  const middle = 3 * Math.floor(points.length / 6);
  return Math.abs(away(middle) - first) <= FLAT_MM && Math.abs(away(points.length - 3) - first) <= FLAT_MM;
}

function trace({ context, toCanvas }, { points, isClosed }) {
  context.beginPath();
  if (points.length === 3) {
    const [x, y] = toCanvas(points);
    context.moveTo(x - POINT_PIXELS, y);
    context.lineTo(x + POINT_PIXELS, y);
    context.moveTo(x, y - POINT_PIXELS);
    context.lineTo(x, y + POINT_PIXELS);
  }
  for (let at = 0; at < points.length && points.length > 3; at += 3) {
    context.lineTo(...toCanvas(points.subarray(at, at + 3)));
  }
  if (isClosed) context.closePath();
  context.stroke();
}

function describeRoi(roi, contours, index) {
  const own = number(roi, '30060022') ?? index + 1;
  const drawn = contours.get(own) ?? {};
  return {
    number: own,
    name: text(roi, '30060026') || `Structure ${own}`,
    colour: colourOfRgb(drawn['3006002A']?.Value) ?? colourNumber(index),
    frameOfReference: text(roi, '30060024'),
    isVisible: true,
    contours: (drawn['30060040']?.Value ?? []).map(describeContour).filter(Boolean),
  };
}

function describeContour(contour) {
  const points = Float64Array.from((contour['30060050']?.Value ?? []).map(Number));
  if (!points.length || points.length % 3 || !points.every(Number.isFinite)) return undefined;
  return { points, isClosed: text(contour, '30060042').startsWith('CLOSED') };
}
