/** Patient space (PS3.3 C.7.6.2): vectors, and the plane in which a frame lies. Lengths are in mm. */
import { metaData } from '@cornerstonejs/core';

export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const plus = (a, b, factor = 1) => a.map((part, axis) => part + factor * b[axis]);
export const minus = (a, b) => plus(a, b, -1);
export const cross = ([a, b, c], [d, e, f]) => [b * f - c * e, c * d - a * f, a * e - b * d];

/** `vector` turned about the unit vector `axis` by the right-hand rule. */
export function turned(vector, axis, angle) {
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const along = plus(vector.map((part) => part * cosine), cross(axis, vector), sine);
  return plus(along, axis, dot(axis, vector) * (1 - cosine));
}

const planes = new WeakMap(); // frame → its plane; headers do not change

/** Where a frame lies, undefined when its header does not say.
 *
 * `position` is the middle of the first pixel, `row` and `column` point along a row and down a
 * column, `spacing` is [between rows, between columns], `depth` is the place along the normal.
 */
export function planeOf(frame) {
  if (!planes.has(frame)) planes.set(frame, readPlane(frame));
  return planes.get(frame);
}

function readPlane({ imageId }) {
  const plane = metaData.get('imagePlaneModule', imageId) ?? {};
  if (plane.usingDefaultValues || !plane.imagePositionPatient) return undefined;
  const { rowCosines: row, columnCosines: column, imagePositionPatient: position } = plane;
  const normal = cross(row, column);
  return {
    frameOfReference: plane.frameOfReferenceUID,
    position, row, column, normal,
    depth: dot(position, normal),
    spacing: [plane.rowPixelSpacing, plane.columnPixelSpacing],
    size: [plane.rows, plane.columns],
    thickness: Number(plane.sliceThickness) || 0, // 0 where it is not said
  };
}

/** Whether two planes hold places of the same patient that may be compared. */
export const areComparable = (a, b) =>
  Boolean(a?.frameOfReference) && a.frameOfReference === b?.frameOfReference;

const PARALLEL = 0.97; // cosine of 14 degrees: an axial stack along the spine, one along the scanner

/** 1 for planes that face the same way, -1 for opposite ways, 0 when they are not parallel. */
export function facing(a, b) {
  const cosine = dot(a.normal, b.normal);
  return Math.abs(cosine) > PARALLEL ? Math.sign(cosine) : 0;
}

/** The middle of a frame. */
export function middleOf(frame) {
  const { position, row, column, spacing, size } = planeOf(frame);
  return plus(plus(position, row, ((size[1] - 1) / 2) * spacing[1]), column, ((size[0] - 1) / 2) * spacing[0]);
}
