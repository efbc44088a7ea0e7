/** How long a pixel is, and of what that is true: the patient, the detector, or nobody knows. */
import { number } from './attributes.js';

const CENTIMETRES = 3; // Physical Units (PS3.3 C.8.5.5.1.15)

/**
 * @param frame of a display set
 * @param {number[][]} points of the measurement, as column and row
 * @returns {{ column: number, row: number, unit: 'mm' | 'px', atDetector: boolean }} size of a pixel
 */
export function pixelSize({ instance, frame }, points) {
  const regions = instance['00186011']?.Value;
  if (regions) return sizeInRegion(regions, points) ?? uncalibrated(instance);
  const spacing = pair(instance, '00280030') ?? pair(pixelMeasures(instance, frame), '00280030');
  const atDetector = pair(instance, '00181164'); // Imager Pixel Spacing
  if (spacing) return inMillimetres(spacing, isOfDetector(instance, spacing, atDetector));
  return atDetector ? inMillimetres(atDetector, true) : uncalibrated(instance);
}

/** In widths of a pixel: what is not square by its Pixel Aspect Ratio has right angles all the same. */
function uncalibrated(instance) {
  const [height, width] = pair(instance, '00280034') ?? [1, 1];
  return { column: 1, row: height / width, unit: 'px', atDetector: false };
}

/** Pixel Spacing that repeats Imager Pixel Spacing is not corrected for magnification (PS3.3 10.7.1.3). */
const isOfDetector = (instance, spacing, atDetector) =>
  !instance['00280A02']?.Value && atDetector?.every((length, axis) => length === spacing[axis]) === true;

const inMillimetres = ([row, column], atDetector) => ({ column, row, unit: 'mm', atDetector });

function pair(attributes, tag) {
  const lengths = [number(attributes, tag, 0), number(attributes, tag, 1)];
  return lengths.every((length) => length > 0) ? lengths : undefined;
}

/** Of enhanced multi-frame images: of the frame, else of all of them (PS3.3 C.7.6.16). */
function pixelMeasures(instance, frame) {
  const groups = [instance['52009230']?.Value?.[frame - 1], instance['52009229']?.Value?.[0]];
  return groups.map((group) => group?.['00289110']?.Value?.[0]).find(Boolean) ?? {};
}

/** In ultrasound each region has a scale of its own; across regions there is none. */
function sizeInRegion(regions, points) {
  const region = regions.find((one) => points.every((point) => holds(one, point)));
  const isTissue = region && ['00186024', '00186026'].every((tag) => number(region, tag) === CENTIMETRES);
  if (!isTissue) return undefined;
  const [column, row] = ['0018602C', '0018602E'].map((tag) => Math.abs(number(region, tag)) * 10);
  return { column, row, unit: 'mm', atDetector: false };
}

const holds = (region, [column, row]) =>
  column >= number(region, '00186018') && column <= number(region, '0018601C') + 1 &&
  row >= number(region, '0018601A') && row <= number(region, '0018601E') + 1;
