/** The scale bar: a round length at the foot of the picture, where it is known what a pixel measures. */
import { Enums, metaData } from '@cornerstonejs/core';

import { number } from './attributes.js';
import { dot, minus } from './geometry.js';

const SHARE = 0.25; // of the width of the picture that the bar may take
const CENTIMETRE = 3; // Physical Units X Direction (0018,6024)
const TWO_DIMENSIONAL = 1; // Region Spatial Format (0018,6012)
const NOTES = {
  [Enums.CalibrationTypes.PROJECTION]: 'at detector',
  [Enums.CalibrationTypes.USER]: 'calibrated by hand',
};

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
  const spacing = stack.shown === undefined ? undefined : pixelSpacing(stack.frame);
  drawScaleBar(element, spacing && pixelsPerMm(stack.viewport, spacing), spacing?.note);
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
function pixelsPerMm(viewport, spacing) {
  const image = viewport.getImageData();
  const hundred = minus([...viewport.canvasToWorld([100, 0])], [...viewport.canvasToWorld([0, 0])]);
  const columns = dot(hundred, image.direction.slice(0, 3)) / image.spacing[0];
  const rows = dot(hundred, image.direction.slice(3, 6)) / image.spacing[1];
  return 100 / Math.hypot(columns * spacing.column, rows * spacing.row);
}

/** mm between rows and between columns, and how far to trust them; undefined when not known. */
export function pixelSpacing({ imageId, instance }) {
  const plane = metaData.get('imagePlaneModule', imageId) ?? {};
  const calibration = metaData.get('calibratedPixelSpacing', imageId); // there when the header has a spacing
  if (!calibration) return ultrasoundSpacing(instance);
  const scale = calibration.scale ?? 1;
  return {
    row: plane.rowPixelSpacing / scale,
    column: plane.columnPixelSpacing / scale,
    note: NOTES[calibration.type],
  };
}

/** Of the regions (PS3.3 C.8.5.5), when all are pictures of one scale. */
function ultrasoundSpacing(instance) {
  const regions = instance['00186011']?.Value ?? [];
  const [column, row] = ['0018602C', '0018602E'].map((tag) => Math.abs(number(regions[0] ?? {}, tag)) * 10);
  const isPicture = (region) =>
    number(region, '00186012') === TWO_DIMENSIONAL &&
    number(region, '00186024') === CENTIMETRE && number(region, '00186026') === CENTIMETRE &&
    Math.abs(number(region, '0018602C')) * 10 === column && Math.abs(number(region, '0018602E')) * 10 === row;
  return regions.length && row > 0 && column > 0 && regions.every(isPicture) ? { row, column } : undefined;
}
