/** Planes of frames that a header describes itself, and what lies in or near a plane. */
import { cross, dot, minus, plus } from './geometry.js';

const PARALLEL = 0.999; // cosine of 2.5 degrees

/** A plane as `planeOf` of geometry.js gives it, undefined where the values make none.
 *
 * @param spacing between rows, between columns, as Pixel Spacing has it
 */
export function makePlane({ frameOfReference, position, orientation, spacing, thickness }) {
  const numbers = [position, orientation, spacing].map((values) => (values ?? []).map(Number));
  const [origin, cosines, steps] = numbers;
  const isWhole = origin.length === 3 && cosines.length === 6 && steps.length === 2;
  if (!isWhole || !numbers.flat().every(Number.isFinite) || !steps.every((step) => step > 0)) return undefined;
  const [row, column] = [cosines.slice(0, 3), cosines.slice(3)];
  const normal = cross(row, column);
  if (Math.abs(Math.hypot(...normal) - 1) > 0.01) return undefined;
  return { frameOfReference, position: origin, row, column, normal, spacing: steps, thickness: thickness || 0 };
}

export const isParallel = (a, b) => Math.abs(dot(a.normal, b.normal)) > PARALLEL;

/** How far a point lies from a plane. */
export const distance = (plane, point) => dot(plane.normal, minus(point, plane.position));

/** The point of a plane at column and row, the middle of a pixel being a whole number. */
export const pointOf = ({ position, row, column, spacing }, [x, y]) =>
  plus(plus(position, row, x * spacing[1]), column, y * spacing[0]);
