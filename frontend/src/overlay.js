/** Text over the picture: everything from the header of the instance that is shown. */
import { metaData } from '@cornerstonejs/core';

import { date, number, patientName, text, value } from './attributes.js';
import { isCpuRendering } from './cornerstone.js';
import { modalityItem, voiTables } from './lookup_tables.js';
import { edgeLetters } from './orientation.js';
import { toWindow } from './presets.js';
import { curveName } from './transfer.js';
import { unitOf } from './units.js';

export class Overlay {
  #parts = {};

  constructor(element) {
    for (const part of element.querySelectorAll('[data-overlay]')) {
      this.#parts[part.dataset.overlay] = part;
    }
  }

  draw(stack) {
    const { frame, viewport } = stack;
    const lines = {
      patient: patientLines(frame.instance),
      study: studyLines(frame.instance),
      image: [...imageLines(stack), lossyLine(frame.instance), drawnLine(viewport), ...omittedLines(stack)],
      window: [zoomLine(viewport), windowLine(stack)],
    };
    for (const [corner, texts] of Object.entries(lines)) {
      this.#parts[corner].textContent = texts.filter(Boolean).join('\n');
    }
    for (const [edge, letters] of Object.entries(edgeLetters(viewport, frame))) {
      this.#parts[edge].textContent = letters;
    }
  }
}

export function patientLines(instance) {
  const born = date(instance, '00100030');
  return [
    patientName(instance),
    [text(instance, '00100020'), text(instance, '00100040'), born && `born ${born}`]
      .filter(Boolean)
      .join('  '),
  ];
}

export function studyLines(instance) {
  const series = [text(instance, '00080060'), text(instance, '00200011'), text(instance, '0008103E')];
  return [text(instance, '00081030'), date(instance, '00080020'), series.filter(Boolean).join(' ')];
}

function imageLines({ frame, frames, shown }) {
  const { instance } = frame;
  const thickness = metaData.get('imagePlaneModule', frame.imageId)?.sliceThickness;
  const location = sliceLocation(frame);
  return [
    `Image ${shown + 1}/${frames.length}`,
    frame.frameCount > 1 && frames.length > frame.frameCount
      ? `Instance ${text(instance, '00200013')}, frame ${frame.frame}/${frame.frameCount}`
      : '',
    location === undefined ? '' : `Location ${location.toFixed(1)} mm`,
    thickness > 0 ? `Thickness ${Number(thickness).toFixed(1)} mm` : '',
  ];
}

/** Slice Location, else the distance of the slice's position from the origin along its normal. */
function sliceLocation({ instance, imageId }) {
  const written = number(instance, '00201041');
  if (written !== undefined) return written;
  const plane = metaData.get('imagePlaneModule', imageId) ?? {};
  if (plane.isDefaultValueSetForRowCosine || !plane.imagePositionPatient) return undefined;
  const [[a, b, c], [d, e, f]] = [plane.rowCosines, plane.columnCosines];
  const normal = [b * f - c * e, c * d - a * f, a * e - b * d];
  return normal.reduce((sum, part, axis) => sum + part * plane.imagePositionPatient[axis], 0);
}

function lossyLine(instance) {
  if (value(instance, '00282110') !== '01') return '';
  const ratios = (instance['00282112']?.Value ?? []).map((ratio) => `${rounded(Number(ratio))}:1`);
  return ['Lossy compression', ...ratios].join(' ');
}

/** The browser's library could not: the values under the picture are shades, not measured. */
function drawnLine(viewport) {
  return viewport.getCornerstoneImage().isDrawn ? 'Drawn by the server with 8 bits a channel' : '';
}

/** What the header has for the picture and this page does not do with it; the server does, where it draws. */
function omittedLines({ frame, viewport }) {
  const { instance } = frame;
  const { isDrawn, voiLUTFunction } = viewport.getCornerstoneImage();
  if (isDrawn) return [];
  return [
    value(instance, '00283000') && !modalityItem(instance) ? 'Modality LUT not applied' : '',
    voiTables(frame).isWhole ? '' : 'A VOI LUT makes no sense and is not offered',
    voiLUTFunction === 'SIGMOID' && isCpuRendering() ? 'Sigmoid window not applied' : '',
  ];
}

/** 100 % draws one pixel of the image on one pixel of the screen. */
function zoomLine(viewport) {
  const { dimensions, direction, origin, spacing } = viewport.getImageData();
  const width = dimensions[0] * spacing[0];
  const end = [0, 1, 2].map((axis) => origin[axis] + direction[axis] * width);
  const [[x0, y0], [x1, y1]] = [viewport.worldToCanvas([...origin]), viewport.worldToCanvas(end)];
  const pixels = Math.hypot(x1 - x0, y1 - y0) * devicePixelRatio;
  return `Zoom ${Math.round((100 * pixels) / dimensions[0])}%`;
}

function windowLine({ viewport, frame, transfer }) {
  const image = viewport.getCornerstoneImage();
  const { voiRange, VOILUTFunction = image.voiLUTFunction, invert } = viewport.getProperties();
  const isInverted = invert !== image.invert ? 'inverted' : '';
  if (image.color || !voiRange) return isInverted;
  const shades = transfer.curve ? curveName(transfer.curve) : grayScale(image, frame, voiRange, VOILUTFunction);
  return [shades, isInverted].filter(Boolean).join('  ');
}

/** Uptake and dose are read by their limits, everything else by window and level. */
export function grayScale(image, frame, voiRange, voiLutFunction) {
  const { suvbw, doseGridScaling } = image.preScale?.scalingParameters ?? {};
  if (suvbw || doseGridScaling) {
    return `${unitOf(image, frame) || 'Dose'} ${rounded(voiRange.lower)} to ${rounded(voiRange.upper)}`;
  }
  const { center, width } = toWindow(voiRange, voiLutFunction);
  return `W ${rounded(width)}  L ${rounded(center)}`;
}

/** Whole numbers where they say enough; two decimals for small windows such as SUV. */
function rounded(amount) {
  return Math.abs(amount) < 20 ? String(Math.round(amount * 100) / 100) : String(Math.round(amount));
}
