/** The scale bar: a round length at the foot of the picture, where it is known what a pixel measures. */
import { number } from './attributes.js';
import { pixelSize } from './calibration.js';
import { dot, minus } from './geometry.js';

const SHARE = 0.25; // of the width of the picture that the bar may take

/** @param {number | undefined} pixelsPerMm nothing is drawn without it */
export function drawScaleBar(box, pixelsPerMm, note = '') {
  const bar = box.querySelector('.scale') ?? addBar(box);
  bar.hidden = !pixelsPerMm;
  if (!pixelsPerMm) return;
  const length = roundLength((box.clientWidth * SHARE) / pixelsPerMm);
  bar.style.width = `${length * pixelsPerMm}px`;
  bar.dataset.lengthMm = length;
  bar.textContent = `${length < 10 ? `${length} mm` : `${length / 10} cm`} ${note}`.trim();
}

export function drawPaneScale({ element, stack }) {
  const size = stack.shown === undefined ? undefined : sizeOfPixels(stack.frame);
  drawScaleBar(element, size && pixelsPerMm(stack.viewport, size), size?.note);
}

function addBar(box) {
  const bar = Object.assign(document.createElement('p'), { className: 'scale' });
  box.querySelector('.picture').after(bar); // under the cover
  return bar;
}

/** The largest of 1, 2, 5, 10, … that fits. */
function roundLength(available) {
  const power = 10 ** Math.floor(Math.log10(available));
  return [5, 2, 1].find((step) => step * power <= available) * power;
}

/** Along the width of the screen, however the image is turned on it. */
function pixelsPerMm(viewport, size) {
  const image = viewport.getImageData();
  const hundred = minus([...viewport.canvasToWorld([100, 0])], [...viewport.canvasToWorld([0, 0])]);
  const columns = dot(hundred, image.direction.slice(0, 3)) / image.spacing[0];
  const rows = dot(hundred, image.direction.slice(3, 6)) / image.spacing[1];
  return 100 / Math.hypot(columns * size.column, rows * size.row);
}

/** Of the whole picture: in ultrasound only where all its regions have one scale. */
function sizeOfPixels(frame) {
  const regions = frame.instance['00186011']?.Value;
  const sizes = regions ? regions.map((region) => pixelSize(frame, [middleOfRegion(region)])) : [pixelSize(frame, [])];
  const [{ row, column, atDetector }] = sizes;
  const isOne = sizes.every((size) => size.unit === 'mm' && size.row === row && size.column === column);
  return isOne ? { row, column, note: atDetector ? 'at detector' : '' } : undefined;
}

const middleOfRegion = (region) => [
  (number(region, '00186018') + number(region, '0018601C')) / 2,
  (number(region, '0018601A') + number(region, '0018601E')) / 2,
];
