/** Drawings of Cornerstone and measurements as the archive keeps them: one from the other. */
import { utilities } from '@cornerstonejs/core';
import {
  AngleTool, annotation as annotations, ArrowAnnotateTool, BidirectionalTool, CobbAngleTool,
  EllipticalROITool, LengthTool, PlanarFreehandROITool, ProbeTool, RectangleROITool,
} from '@cornerstonejs/tools';

import { number, text } from './attributes.js';
import { bounds, distance, measure, textLines } from './measure.js';

const { imageToWorldCoords, worldToImageCoords } = utilities;
const CORNERS = 1000; // of an outline at most; the archive takes five times as many
const OWN = 'rgb(255, 213, 74)';
const SELECTED = 'rgb(120, 255, 120)';
const OTHERS = 'rgb(110, 220, 235)'; // whose drawings are locked

/** A double click is for the grid; the text of an arrow is changed in the list. */
class ArrowTool extends ArrowAnnotateTool {
  static toolName = ArrowAnnotateTool.toolName;

  doubleClickCallback = () => {};
}

const asDrawn = { toKept: (points) => points, toDrawn: (points) => points };

// Of each kind its tool, and how its points are ordered there and here.
export const KINDS = {
  length: { name: 'Length', tool: LengthTool, ...asDrawn },
  angle: { name: 'Angle', tool: AngleTool, ...asDrawn },
  cobb: { name: 'Cobb angle', tool: CobbAngleTool, ...asDrawn },
  bidirectional: { name: 'Bidirectional', tool: BidirectionalTool, toKept: longFirst, toDrawn: (points) => points },
  rectangle: {
    name: 'Rectangle', tool: RectangleROITool,
    toKept: ([a, b, c, d]) => [a, b, d, c],
    toDrawn: ([a, b, c, d]) => [a, b, d, c],
  },
  ellipse: { name: 'Ellipse', tool: EllipticalROITool, toKept: longFirst, toDrawn: uprightFirst },
  freehand: { name: 'Freehand', tool: PlanarFreehandROITool, ...asDrawn },
  probe: { name: 'Probe', tool: ProbeTool, ...asDrawn },
  arrow: { name: 'Arrow', tool: ArrowTool, ...asDrawn },
};
const KIND_OF = Object.fromEntries(Object.entries(KINDS).map(([kind, { tool }]) => [tool.toolName, kind]));

function longFirst([a, b, c, d]) {
  return distance(a, b) >= distance(c, d) ? [a, b, c, d] : [c, d, a, b];
}

/** Cornerstone holds an ellipse at its bottom, top, left and right. */
function uprightFirst([a, b, c, d]) {
  const isUpright = Math.abs(a[1] - b[1]) >= Math.abs(a[0] - b[0]);
  const [upright, level] = isUpright ? [[a, b], [c, d]] : [[c, d], [a, b]];
  return [...upright.sort((p, q) => q[1] - p[1]), ...level.sort((p, q) => p[0] - q[0])];
}

export const isMeasurement = ({ metadata }) => metadata.toolName in KIND_OF && framesById.has(metadata.referencedImageId);

const framesById = new Map(); // image id → frame

/** Frames that measurements may lie on, once their headers are known. */
export function knowFrames(frames) {
  for (const frame of frames) framesById.set(frame.imageId, frame);
}

/** What a tool of `kind` is configured with; `askText` gives what an arrow says, or nothing. */
export function configurationOf(kind, askText) {
  return {
    actions: null, // upstream binds keys of its own, Z among them
    calculateStats: kind === 'freehand', // else it would not say anything; what it says is ours
    allowOpenContours: false,
    subPixelResolution: 1,
    getTextLines: (data, target) => linesOf(kind, data, target),
    getTextCallback: (done) => askText('Text of the arrow').then(done),
  };
}

function linesOf(kind, data, target) {
  const [, imageId] = String([target].flat()[0]).split(/^imageId:/);
  const frame = framesById.get(imageId);
  const points = frame && imagePoints(kind, data, imageId);
  if (!points || points.some((point) => !point?.every(Number.isFinite)) || points.length < least(kind)) return [];
  return textLines({ kind, label: data.label, ...measure(kind, points, frame) }, frame);
}

const least = (kind) => ({ angle: 3, cobb: 4, freehand: 3 })[kind] ?? 1;

function imagePoints(kind, { handles, contour }, imageId) {
  const world = kind === 'freehand' ? contour.polyline : handles.points;
  return KINDS[kind].toKept(world.map((point) => worldToImageCoords(imageId, point)));
}

/** The same UID each time: a UUID as PS3.5 B.2 has it, or the UID that it was kept under. */
export const trackingUid = ({ annotationUID }) =>
  annotationUID.includes('-') ? `2.25.${BigInt(`0x${annotationUID.replaceAll('-', '')}`)}` : annotationUID;

/** @returns the measurement of a drawing; undefined where it is on no frame that is known */
export function toMeasurement(drawing) {
  const { referencedImageId, toolName } = drawing.metadata;
  const frame = framesById.get(referencedImageId);
  const kind = KIND_OF[toolName];
  if (!frame || !kind) return undefined;
  const drawn = imagePoints(kind, drawing.data, referencedImageId);
  if (drawn.length < least(kind)) return undefined;
  const points = tidy(kind, drawn, frame);
  return {
    kind,
    tracking_uid: trackingUid(drawing),
    label: (drawing.data.label ?? '').slice(0, 200),
    study_instance_uid: frame.series.study.uid,
    series_instance_uid: frame.series.uid,
    sop_instance_uid: text(frame.instance, '00080018'),
    frame: frame.frame,
    points,
    ...measure(kind, points, frame),
  };
}

/** Inside of the image, where DICOM wants every point, and no more of them than say something. */
function tidy(kind, points, { instance }) {
  const [columns, rows] = [number(instance, '00280011'), number(instance, '00280010')];
  const inside = ([column, row]) => [clamp(column, columns), clamp(row, rows)].map(hundredths);
  if (kind === 'ellipse') return insideAsEllipse(points, inside);
  const step = Math.ceil(points.length / CORNERS);
  return points.filter((_, index) => index % step === 0).map(inside);
}

const clamp = (ordinate, most) => Math.max(0, Math.min(most, ordinate));
const hundredths = (ordinate) => Math.round(ordinate * 100) / 100;

/** An upright ellipse stays one: its box is cut, not its axes. */
function insideAsEllipse(points, inside) {
  const [left, top, right, bottom] = bounds(points);
  const [[l, t], [r, b]] = [inside([left, top]), inside([right, bottom])];
  const [x, y] = [(l + r) / 2, (t + b) / 2];
  return longFirst([[l, y], [r, y], [x, t], [x, b]]);
}

/** Put the drawing where the measurement says, which may have been tidied. */
export function redraw(drawing, measurement) {
  const { imageId } = framesById.get(drawing.metadata.referencedImageId);
  const world = worldPoints(measurement, imageId);
  if (measurement.kind === 'freehand') drawing.data.contour.polyline = world;
  else drawing.data.handles.points = world;
  drawing.data.label = measurement.label;
  drawing.invalidated = true;
}

const worldPoints = ({ kind, points }, imageId) =>
  KINDS[kind].toDrawn(points).map((point) => imageToWorldCoords(imageId, point));

/** Draw a kept measurement on its frame, which `viewport` holds as its image number `index`. */
export function draw(measurement, viewport, index, isOwn) {
  const reference = viewport.getViewReference({ sliceIndex: index });
  const { kind, tracking_uid: annotationUID, label } = measurement;
  const points = worldPoints(measurement, reference.referencedImageId);
  const isFreehand = kind === 'freehand';
  annotations.state.addAnnotation({
    annotationUID,
    highlighted: false,
    invalidated: true,
    isLocked: !isOwn,
    isVisible: true,
    metadata: { ...reference, toolName: KINDS[kind].tool.toolName },
    data: {
      label,
      cachedStats: {},
      handles: { points: isFreehand ? [] : points, activeHandleIndex: null, arrowFirst: true, textBox: textBox() },
      ...(isFreehand && { contour: { polyline: points, closed: true } }),
    },
  });
  annotations.locking.setAnnotationLocked(annotationUID, !isOwn);
  return annotationUID;
}

const textBox = () => ({
  hasMoved: false,
  worldPosition: [0, 0, 0],
  worldBoundingBox: { topLeft: [0, 0, 0], topRight: [0, 0, 0], bottomLeft: [0, 0, 0], bottomRight: [0, 0, 0] },
});

export function setColours() {
  const { style } = annotations.config;
  const { global, ...tools } = style.getDefaultToolStyles();
  const colours = { '': OWN, Highlighted: SELECTED, Selected: SELECTED, Locked: OTHERS };
  const named = Object.entries(colours).flatMap(([state, colour]) => [
    [`color${state}`, colour],
    [`textBoxColor${state}`, colour],
  ]);
  style.setDefaultToolStyles({ ...tools, global: { ...global, ...Object.fromEntries(named), textBoxFontSize: '13px' } });
}
