/** Planes of images in the patient (PS3.3 C.7.6.2.1.1). */
import { metaData } from '@cornerstonejs/core';

import { text } from './attributes.js';

const PARALLEL = 0.999; // cosine of 2.5 degrees

export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** The plane of a frame that is shown; undefined where the header does not know it. */
export function planeOf(frame) {
  const plane = metaData.get('imagePlaneModule', frame.imageId) ?? {};
  if (!plane.imagePositionPatient || !plane.imageOrientationPatient || plane.isDefaultValueSetForRowCosine) {
    return undefined;
  }
  return makePlane({
    frameOfReference: text(frame.instance, '00200052'),
    origin: plane.imagePositionPatient,
    orientation: [...plane.rowCosines, ...plane.columnCosines],
    spacing: [plane.rowPixelSpacing, plane.columnPixelSpacing],
    thickness: plane.sliceThickness,
  });
}

/** @param spacing between rows, between columns, as Pixel Spacing has it; undefined if it is no plane */
export function makePlane({ frameOfReference, origin, orientation, spacing, thickness }) {
  const numbers = [origin, orientation, spacing].map((values) => [...(values ?? [])].map(Number));
  const [position, cosines, steps] = numbers;
  const isWhole = position.length === 3 && cosines.length === 6 && steps.length === 2;
  if (!isWhole || !numbers.flat().every(Number.isFinite) || !steps.every((step) => step > 0)) return undefined;
  const [row, column] = [cosines.slice(0, 3), cosines.slice(3)];
  const normal = cross(row, column);
  if (Math.abs(Math.hypot(...normal) - 1) > 0.01) return undefined;
  return { frameOfReference, origin: position, row, column, normal, steps, thickness: Number(thickness) || 0 };
}

export const isParallel = (a, b) => Math.abs(dot(a.normal, b.normal)) > PARALLEL;

/** How far a point lies from a plane, in mm. */
export const distance = (plane, point) => dot(plane.normal, minus(point, plane.origin));

/** The point of a plane at column and row, pixel centres being whole numbers. */
export const pointOf = ({ origin, row, column, steps }, [x, y]) =>
  origin.map((part, axis) => part + row[axis] * x * steps[1] + column[axis] * y * steps[0]);
