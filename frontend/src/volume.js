/** Which stacks of frames make a volume, and the volume of one for Cornerstone. */
import { cache, Enums, ImageVolume, utilities } from '@cornerstonejs/core';

import { text } from './attributes.js';
import { FrameError, isCpuRendering, isLoaded, loadFrame } from './cornerstone.js';
import { frameBytes } from './displaysets.js';
import { dot, minus, planeOf, plus } from './geometry.js';

const MINIMUM_SLICES = 5;
const PARALLEL_LOADS = 4;
const CACHE_SHARE = 0.75; // the rest is for the panes behind, which keep their pictures
const TEXTURE = 2048; // voxels along one side that every graphics card takes
const ANGLE = 1e-3; // by which the cosines of parallel slices may differ
const UNEVEN = 0.1; // share of the slice distance by which one may be off
const TILT = 0.02; // shift in the plane from slice to slice, as a share of their distance

/** Each rule may count on those before it. */
const RULES = [
  [() => !isCpuRendering(), 'This browser has no WebGL, which reconstructions need.'],
  [(frames) => frames.length >= MINIMUM_SLICES, `It has fewer than ${MINIMUM_SLICES} images.`],
  [(frames) => frames.every(isMonochrome), 'It is in colour.'],
  [(frames) => frames.every(planeOf), 'Its header does not say where the images lie.'],
  [isOfOneSpace, 'Its images have different frames of reference.'],
  [isOfOneShape, 'Its images differ in size.'],
  [isParallel, 'Its images are not parallel.'],
  [isSingle, 'It has several images at the same place, as over time or of several echoes.'],
  [isEven, 'Its images are not evenly spaced.'],
  [isUpright, 'Its images are shifted against each other, as by a tilted gantry.'],
  [isOfFittingSize, 'It is larger than the memory that this page may use.'],
];

const known = new WeakMap(); // frames → sentence; asked for with every image that is shown

/** A sentence, empty when the frames make a volume. */
export function whyNoVolume(frames) {
  if (!known.has(frames)) known.set(frames, RULES.find(([holds]) => !holds(frames))?.[1] ?? '');
  return known.get(frames);
}

function isMonochrome({ instance }) {
  return text(instance, '00280004').startsWith('MONOCHROME');
}

function isSame(a, b, tolerance) {
  return a.every((part, index) => Math.abs(part - b[index]) <= tolerance);
}

function isOfOneSpace(frames) {
  const first = planeOf(frames[0]).frameOfReference;
  return frames.every((frame) => planeOf(frame).frameOfReference === first);
}

function isOfOneShape(frames) {
  const first = planeOf(frames[0]);
  return frames.map(planeOf).every(
    ({ size, spacing }) => isSame(size, first.size, 0) && isSame(spacing, first.spacing, 1e-4),
  );
}

function isParallel(frames) {
  const first = planeOf(frames[0]);
  return frames.map(planeOf).every(
    ({ row, column }) => isSame(row, first.row, ANGLE) && isSame(column, first.column, ANGLE),
  );
}

const inOrder = (frames) => [...frames].sort((a, b) => depth(a, frames[0]) - depth(b, frames[0]));
/** Along one normal for all: the rounded ones of an oblique stack point apart. */
const depth = (frame, first) => dot(planeOf(frame).position, planeOf(first).normal);

/** Steps from slice to slice, and their mean. */
function steps(frames) {
  const positions = inOrder(frames).map((frame) => planeOf(frame).position);
  const { normal } = planeOf(frames[0]);
  const list = positions.slice(1).map((position, index) => minus(position, positions[index]));
  const distances = list.map((step) => dot(step, normal));
  return { list, distances, normal, mean: distances.reduce((a, b) => a + b) / distances.length };
}

function isSingle(frames) {
  return steps(frames).distances.every((distance) => distance > 1e-3);
}

function isEven(frames) {
  const { distances, mean } = steps(frames);
  return distances.every((distance) => Math.abs(distance - mean) < UNEVEN * mean);
}

function isUpright(frames) {
  const { list, distances, normal, mean } = steps(frames);
  const drift = list.reduce((sum, step, index) => plus(sum, plus(step, normal, -distances[index])), [0, 0, 0]);
  return Math.hypot(...drift) < TILT * mean * list.length;
}

function isOfFittingSize(frames) {
  const longest = Math.max(frames.length, ...planeOf(frames[0]).size);
  return longest <= TEXTURE && frames.length * frameBytes(frames[0]) < cache.getMaxCacheSize() * CACHE_SHARE;
}

/** Loads what is not there yet and makes a volume of it; its voxels are the cached frames themselves.
 *
 * @param {(done: number) => void} onProgress told how many frames are there
 * @throws the error of the first frame that cannot be had, with `.frame`
 */
export async function gatherVolume(volumeId, frames, signal, onProgress) {
  const slices = inOrder(frames);
  await loadAll(slices, signal, onProgress);
  if (slices.some(({ imageId }) => cache.getImage(imageId).isDrawn)) {
    throw new FrameError('Its images are drawn by the server, as shades without values.');
  }
  const first = planeOf(slices[0]);
  const imageIds = slices.map(({ imageId }) => imageId);
  const volume = new ImageVolume({
    volumeId,
    imageIds,
    dataType: commonType(imageIds.map((imageId) => cache.getImage(imageId))),
    dimensions: [first.size[1], first.size[0], slices.length],
    spacing: [first.spacing[1], first.spacing[0], steps(slices).mean],
    origin: first.position,
    direction: [...first.row, ...first.column, ...first.normal],
    referencedImageIds: imageIds, // else Cornerstone fetches one of them again for its window
    metadata: utilities.makeVolumeMetadata(imageIds),
  });
  cache.putVolumeSync(volumeId, volume); // from now on its frames stay in the cache
  volume.modified(); // all frames are to go to the graphics card
  return volume;
}

/** What other panes load meanwhile may push frames out again; then once more. */
async function loadAll(slices, signal, onProgress) {
  await loadEach(slices, signal, onProgress);
  const pushedOut = slices.filter(({ imageId }) => !isLoaded(imageId));
  await loadEach(pushedOut, signal, () => {});
  if (!slices.every(({ imageId }) => isLoaded(imageId))) throw new FrameError('There is too little memory.');
}

async function loadEach(slices, signal, onProgress) {
  const queue = slices.values();
  let done = 0;
  const work = async () => {
    for (const frame of queue) {
      signal.throwIfAborted();
      await loadFrame(frame.imageId, Enums.RequestType.Interaction).catch((error) => {
        throw Object.assign(error, { frame });
      });
      done += 1;
      onProgress(done);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_LOADS }, work));
  signal.throwIfAborted();
}

/** The type that holds the values of all frames; each was decoded into the smallest for itself. */
function commonType(images) {
  const types = new Set(images.map(({ dataType }) => dataType));
  const [only] = types;
  if (types.size === 1 && only !== 'Int8Array') return only;
  const low = Math.min(...images.map(({ minPixelValue }) => minPixelValue));
  const high = Math.max(...images.map(({ maxPixelValue }) => maxPixelValue));
  const isShort = !types.has('Float32Array') && low >= -32768 && high <= 32767;
  return isShort ? 'Int16Array' : 'Float32Array';
}
