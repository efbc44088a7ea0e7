/** Which segment lies at a point of the patient: for planes that cut a segmentation in any direction. */
import { isParallel, distance } from './frame_planes.js';
import { dot, minus } from './geometry.js';

/** A function from points to `{ item, share }` of what is there, undefined where nothing is.
 *
 * @param frames of a segmentation, with `plane` and `segment` each; those that are not parallel to the
 *   first of their segment, or lie nowhere, are passed over
 * @param size `{ rows, columns }` of each
 * @param readersOf (index of a frame) → `{ item, shareOf(pixel) }` of each of its segments that is visible
 */
export function makeSampler(frames, size, readersOf) {
  const stacks = stacksOf(frames, readersOf);
  return (point) => {
    for (const stack of stacks) {
      const found = lookIn(stack, point, size);
      if (found) return found;
    }
    return undefined;
  };
}

/** Of each segment its frames in the order of their depth. */
function stacksOf(frames, readersOf) {
  const stacks = new Map();
  frames.forEach(({ plane, segment }, index) => {
    const stack = stacks.get(segment) ?? { first: plane, slices: [] };
    if (!plane || !isParallel(plane, stack.first)) return;
    const readers = readersOf(index);
    if (readers.length) stack.slices.push({ plane, readers, depth: distance(stack.first, plane.position) });
    stacks.set(segment, stack);
  });
  for (const { slices } of stacks.values()) slices.sort((a, b) => a.depth - b.depth);
  return [...stacks.values()].filter(({ slices }) => slices.length);
}

function lookIn({ first, slices }, point, { rows, columns }) {
  const { plane, readers, depth } = nearest(slices, distance(first, point));
  if (Math.abs(distance(first, point) - depth) > Math.max(plane.thickness, 0.1) / 2) return undefined;
  const offset = minus(point, plane.position);
  const column = Math.round(dot(offset, plane.row) / plane.spacing[1]);
  const row = Math.round(dot(offset, plane.column) / plane.spacing[0]);
  if (column < 0 || row < 0 || column >= columns || row >= rows) return undefined;
  for (const { item, shareOf } of readers) {
    const share = shareOf(row * columns + column);
    if (share > 0) return { item, share };
  }
  return undefined;
}

function nearest(slices, depth) {
  let [low, high] = [0, slices.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slices[middle].depth < depth) low = middle + 1;
    else high = middle;
  }
  const before = slices[Math.max(0, low - 1)];
  return Math.abs(before.depth - depth) < Math.abs(slices[low].depth - depth) ? before : slices[low];
}
