/** Overlay planes (PS3.3 C.9.2): bitmaps that lie over an image, beside its pixels or in bits that these leave.
 *
 * Graphics are white, as the server draws them; regions of interest are yellow and let the image through.
 */
import { cache } from '@cornerstonejs/core';

import { number, text } from './attributes.js';
import { bytesOf, fetchBytes, instanceUrl } from './dicomweb.js';

const GROUPS = Array.from({ length: 16 }, (_, index) => (0x6000 + 2 * index).toString(16).toUpperCase());
const MAX_PIXELS = 64 * 1024 * 1024;
const NATIVE = '1.2.840.10008.1.2.1'; // in which the web has what is not compressed
const COLOURS = { G: [255, 255, 255, 255], R: [255, 225, 74, 110] };

const described = new WeakMap(); // header → its planes

/** The planes of a header, of an image or a presentation state; those that make no sense are not among them. */
export function planesOf(instance) {
  if (!described.has(instance)) {
    described.set(instance, GROUPS.map((group) => describe(instance, group)).filter(Boolean));
  }
  return described.get(instance);
}

const groupsOf = (instance) => GROUPS.filter((group) => `${group}0010` in instance);

export const hasOverlaysInPixels = (instance) =>
  groupsOf(instance).some((group) => number(instance, `${group}0102`) > 0 && !(`${group}3000` in instance));

function describe(instance, group) {
  const tag = (element) => group + element;
  const [rows, columns] = [number(instance, tag('0010')), number(instance, tag('0011'))];
  const [top, left] = [0, 1].map((index) => number(instance, tag('0050'), index));
  const isWhole = rows > 0 && columns > 0 && rows * columns <= MAX_PIXELS && top !== undefined && left !== undefined;
  if (!isWhole) return undefined;
  const data = instance[tag('3000')];
  const isBeside = Boolean(data?.InlineBinary || data?.BulkDataURI || data?.Value);
  const bit = number(instance, tag('0102')) ?? 0;
  if (!isBeside && !isInPixels(instance, bit, rows, columns)) return undefined;
  return {
    group,
    rows,
    columns,
    place: [left - 1, top - 1], // column and row of its first pixel, from 0
    kind: text(instance, tag('0040')) === 'R' ? 'R' : 'G',
    label: text(instance, tag('1500')) || text(instance, tag('0022')) || `Overlay ${group}`,
    layer: text(instance, tag('1001')),
    count: number(instance, tag('0015')) ?? 1,
    first: number(instance, tag('0051')) ?? 1, // frame of the image that its first one lies over
    bit: isBeside ? undefined : bit,
    data,
  };
}

/** In a bit above those that the pixels use (retired, PS3.5 8.1.2), of an image of the same size. */
const isInPixels = (instance, bit, rows, columns) =>
  bit > (number(instance, '00280102') ?? 15) && bit < 16 && number(instance, '00280100') === 16 &&
  number(instance, '00280010') === rows && number(instance, '00280011') === columns &&
  text(instance, '00083002') === NATIVE;

/** Take the bits of overlays out of native pixels of 16 bits, and clear what pixels do not use.
 *
 * @returns `{ pixels, bits }`: bytes for the decoder, and the bitmap of each group
 */
export function withoutOverlayBits(bytes, instance) {
  const embedded = planesOf(instance).filter(({ bit }) => bit !== undefined);
  if (!embedded.length) return { pixels: bytes, bits: undefined };
  const words = new Uint16Array(bytes.slice(0, bytes.length & ~1).buffer);
  const bits = Object.fromEntries(embedded.map(({ group, bit }) => [group, bitmapOf(words, bit)]));
  const shift = 16 - (number(instance, '00280101') ?? 16);
  const isSigned = number(instance, '00280103') === 1;
  for (let pixel = 0; pixel < words.length; pixel += 1) {
    const raised = words[pixel] << (16 + shift); // the sign, if there is one, at the very left
    words[pixel] = isSigned ? raised >> (16 + shift) : raised >>> (16 + shift);
  }
  return { pixels: new Uint8Array(words.buffer), bits };
}

function bitmapOf(words, bit) {
  const bitmap = new Uint8Array(Math.ceil(words.length / 8));
  for (let pixel = 0; pixel < words.length; pixel += 1) bitmap[pixel >> 3] |= ((words[pixel] >> bit) & 1) << (pixel & 7);
  return bitmap;
}

/** Loads the bitmaps of planes and draws them. */
export class OverlayPlanes {
  #bitmaps = new WeakMap(); // plane → its bytes, undefined while they are on their way, null if they do not come
  #rasters = new WeakMap(); // plane → the last one drawn: { key, raster }
  #onLoaded;

  isVisible = true;

  /** @param onLoaded called when something more can be drawn */
  constructor(onLoaded) {
    this.#onLoaded = onLoaded;
  }

  /** What of a frame's overlays is not drawn, in words; empty while they are loading. */
  omitted({ instance }) {
    const planes = planesOf(instance);
    const isLost = planes.some((plane) => this.#bitmaps.get(plane) === null);
    if (isLost) return 'An overlay could not be loaded';
    return groupsOf(instance).length > planes.length ? 'An overlay in the header is not drawn' : '';
  }

  /** @param planes `{ plane, source, colour }` each: whose header has it, and another colour than its own */
  draw(sheet, frame, planes) {
    const { context } = sheet;
    context.save();
    context.imageSmoothingEnabled = false;
    for (const { plane, source, colour } of planes) {
      const raster = this.#rasterOf(plane, source, frame, colour ?? COLOURS[plane.kind]);
      if (!raster) continue;
      context.setTransform(...sheet.ofPicture());
      context.drawImage(raster, plane.place[0] - 0.5, plane.place[1] - 0.5); // a pixel's middle is a whole number
    }
    context.restore();
  }

  #rasterOf(plane, source, frame, colour) {
    const index = plane.count > 1 ? frame.frame - plane.first : 0;
    if (index < 0 || index >= plane.count) return undefined;
    const bitmap = plane.bit === undefined ? this.#bitmapOf(plane, source) : cache.getImage(frame.imageId)?.overlayBits?.[plane.group];
    if (!bitmap) return undefined;
    const key = [frame.imageId, index, ...colour].join();
    const last = this.#rasters.get(plane);
    if (last?.key === key) return last.raster;
    const raster = paint(plane, bitmap, index * plane.rows * plane.columns, colour);
    this.#rasters.set(plane, { key, raster });
    return raster;
  }

  #bitmapOf(plane, source) {
    if (!this.#bitmaps.has(plane)) {
      this.#bitmaps.set(plane, undefined);
      this.#load(plane, source);
    }
    return this.#bitmaps.get(plane);
  }

  async #load(plane, { series, instance }) {
    const needed = Math.ceil((plane.rows * plane.columns * plane.count) / 8);
    const address = instanceUrl(series.study.uid, series.uid, text(instance, '00080018'));
    const bytes = plane.data.BulkDataURI
      ? await fetchBytes(`${address}/bulkdata/${plane.group}3000`, 'application/octet-stream').catch(() => null)
      : bytesOf(plane.data);
    this.#bitmaps.set(plane, bytes?.length >= needed ? bytes : null);
    this.#onLoaded();
  }
}

function paint({ rows, columns }, bitmap, first, colour) {
  const raster = Object.assign(document.createElement('canvas'), { width: columns, height: rows });
  const context = raster.getContext('2d');
  const image = context.createImageData(columns, rows);
  for (let pixel = 0; pixel < rows * columns; pixel += 1) {
    const bit = first + pixel;
    if ((bitmap[bit >> 3] >> (bit & 7)) & 1) image.data.set(colour, pixel * 4);
  }
  context.putImageData(image, 0, 0);
  return raster;
}
