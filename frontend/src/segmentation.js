/** Segmentations (PS3.3 A.51 and A.91): which pixels of an image belong to what.
 *
 * Each frame lies in a plane of its own, or on an image that it names; where neither fits what is
 * shown, nothing is drawn.
 */
import { number, text } from './attributes.js';
import { colourNumber, colourOfLab, rgbOf } from './colours.js';
import { fetchBytes, instanceUrl } from './dicomweb.js';
import { distance, isParallel, makePlane } from './frame_planes.js';
import { planeOf } from './geometry.js';
import { refersTo } from './references.js';
import { makeSampler } from './segment_sampler.js';

const CLASSES = ['1.2.840.10008.5.1.4.1.1.66.4', '1.2.840.10008.5.1.4.1.1.66.7']; // and of label maps
const NATIVE = '1.2.840.10008.1.2.1'; // in which the web has what is not compressed
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_FRAMES = 20_000;
const MAX_RASTERS = 64;
const PARALLEL_REQUESTS = 4;

export const isSegmentation = (instance) => CLASSES.includes(text(instance, '00080016'));

export class Segmentation {
  #instance;
  #frames;
  #pixels; // all frames in one, or one array for each
  #rasters = new Map();

  opacity = 0.5;

  /** @throws {Error} with a sentence where the header makes no sense */
  constructor(series, instance) {
    this.series = series;
    this.#instance = instance;
    this.rows = number(instance, '00280010');
    this.columns = number(instance, '00280011');
    this.type = text(instance, '00620001') || 'BINARY'; // BINARY, FRACTIONAL or LABELMAP
    this.bits = number(instance, '00280100') ?? 1;
    this.items = (instance['00620002']?.Value ?? []).map(describeSegment);
    if (this.type === 'LABELMAP') {
      // What is nothing has a number too: listed, but not laid over the image unasked.
      const background = number(instance, '00280120') ?? 0;
      for (const item of this.items) item.isVisible = item.number !== background;
    }
    this.#frames = readFrames(instance);
    this.frameOfReference = text(instance, '00200052');
    if (!this.items.length) throw new Error('It names no segments.');
    const bytes = (this.rows * this.columns * this.#frames.length * this.bits) / 8;
    if (this.#frames.length > MAX_FRAMES || !(bytes <= MAX_BYTES)) throw new Error('It is too large to be drawn here.');
    if (this.bits === 1 ? this.type !== 'BINARY' : ![8, 16].includes(this.bits)) {
      throw new Error(`Pixels of ${this.bits} bits are not read here.`);
    }
  }

  /** @throws {RequestError} */
  async load(signal) {
    const address = instanceUrl(this.series.study.uid, this.series.uid, text(this.#instance, '00080018'));
    if (text(this.#instance, '00083002') === NATIVE) {
      this.#pixels = await fetchBytes(`${address}/bulkdata/7FE00010`, 'application/octet-stream', signal);
      return;
    }
    const pixels = [];
    const numbers = this.#frames.map((_, index) => index);
    const work = async () => {
      for (let index = numbers.shift(); index !== undefined; index = numbers.shift()) {
        const accept = `application/octet-stream; transfer-syntax=${NATIVE}`;
        pixels[index] = await fetchBytes(`${address}/frames/${index + 1}`, accept, signal);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_REQUESTS }, work));
    this.#pixels = pixels;
  }

  /** Whether anything of it may lie on the frame. */
  suits(frame) {
    const plane = planeOf(frame);
    const isOfSame = plane && plane.frameOfReference && plane.frameOfReference === this.frameOfReference;
    return Boolean(isOfSame) || this.#frames.some(({ sources }) => sources.some((source) => refersTo(source, frame)));
  }

  /** @param sheet what is drawn on, see layers.js */
  draw(sheet, frame) {
    const { context } = sheet;
    context.save();
    context.globalAlpha = this.opacity;
    context.imageSmoothingEnabled = false;
    for (const { index, plane } of this.#framesOn(frame)) {
      for (const item of this.#itemsOf(index)) {
        context.setTransform(...(plane ? sheet.ofPlane(plane) : sheet.ofPicture()));
        context.drawImage(this.#raster(index, item), -0.5, -0.5); // a pixel's middle is a whole number
      }
    }
    context.restore();
  }

  /** A function from points of the patient to what lies there, see segment_sampler.js. */
  sampler() {
    const readersOf = (index) =>
      this.#itemsOf(index).map((item) => ({ item, shareOf: this.#reader(index, item.number) }));
    return makeSampler(this.#frames, this, readersOf);
  }

  #itemsOf(index) {
    const { segment } = this.#frames[index];
    return this.items.filter(({ isVisible, number: own }) => isVisible && (this.type === 'LABELMAP' || own === segment));
  }

  /** By the planes of both; by the images that a frame is made of, where there are no planes. */
  #framesOn(frame) {
    const plane = planeOf(frame);
    if (plane && plane.frameOfReference === this.frameOfReference) {
      const near = new Map(); // the nearest frame of each segment
      this.#frames.forEach(({ plane: own, segment }, index) => {
        if (!own || !isParallel(own, plane)) return;
        const away = Math.abs(distance(plane, own.position));
        if (away > Math.max(own.thickness, 0.1) / 2 || away >= (near.get(segment)?.away ?? Infinity)) return;
        near.set(segment, { index, plane: own, away });
      });
      if (near.size) return [...near.values()];
    }
    const isSameSize = number(frame.instance, '00280010') === this.rows && number(frame.instance, '00280011') === this.columns;
    if (!isSameSize) return [];
    return this.#frames
      .map(({ sources }, index) => ({ sources, index }))
      .filter(({ sources }) => sources.some((source) => refersTo(source, frame)));
  }

  /** One frame in the colour of a segment, kept for a while. */
  #raster(index, { number: segment, colour }) {
    const key = `${index}/${segment}/${colour}`;
    const raster = this.#rasters.get(key) ?? this.#paint(index, segment, colour);
    this.#rasters.delete(key);
    this.#rasters.set(key, raster); // the oldest comes first
    if (this.#rasters.size > MAX_RASTERS) this.#rasters.delete(this.#rasters.keys().next().value);
    return raster;
  }

  #paint(index, segment, colour) {
    const raster = Object.assign(document.createElement('canvas'), { width: this.columns, height: this.rows });
    const context = raster.getContext('2d');
    const image = context.createImageData(this.columns, this.rows);
    const [red, green, blue] = rgbOf(colour);
    const shareOf = this.#reader(index, segment);
    for (let pixel = 0; pixel < this.rows * this.columns; pixel += 1) {
      image.data.set([red, green, blue, 255 * shareOf(pixel)], pixel * 4);
    }
    context.putImageData(image, 0, 0);
    return raster;
  }

  /** How much of a pixel belongs to the segment, from 0 to 1. */
  #reader(index, segment) {
    const isWhole = this.#pixels instanceof Uint8Array;
    const bytes = isWhole ? this.#pixels : this.#pixels[index];
    const first = isWhole ? index * this.rows * this.columns : 0; // frames of single bits share bytes (PS3.5 8.1.1)
    if (this.bits === 1) return (pixel) => bitOf(bytes, first + pixel);
    const valueOf = this.bits === 8
      ? (pixel) => bytes[first + pixel]
      : (pixel) => bytes[2 * (first + pixel)] | (bytes[2 * (first + pixel) + 1] << 8);
    if (this.type === 'LABELMAP') return (pixel) => Number(valueOf(pixel) === segment);
    const whole = this.type === 'FRACTIONAL' ? (number(this.#instance, '0062000E') ?? 255) : 1;
    return (pixel) => Math.min(1, valueOf(pixel) / whole);
  }
}

const bitOf = (bytes, bit) => (bytes[bit >> 3] >> (bit & 7)) & 1;

function describeSegment(segment, index) {
  const own = number(segment, '00620004') ?? index + 1;
  return {
    number: own,
    name: text(segment, '00620005') || `Segment ${own}`,
    colour: colourOfLab(segment['0062000D']?.Value) ?? colourNumber(index),
    isVisible: true,
  };
}

// --- Frames --------------------------------------------------------------------------------------

function readFrames(instance) {
  const shared = instance['52009229']?.Value?.[0] ?? {};
  const groups = instance['52009230']?.Value ?? [];
  const count = number(instance, '00280008') || 1;
  return Array.from({ length: Math.min(count, MAX_FRAMES + 1) }, (_, index) =>
    describeFrame(instance, shared, groups[index] ?? {}));
}

function describeFrame(instance, shared, own) {
  const macro = (tag) => (own[tag] ?? shared[tag])?.Value?.[0] ?? {};
  const measures = macro('00289110');
  return {
    segment: number(macro('0062000A'), '0062000B'),
    plane: makePlane({
      frameOfReference: text(instance, '00200052'),
      position: macro('00209113')['00200032']?.Value,
      orientation: macro('00209116')['00200037']?.Value,
      spacing: measures['00280030']?.Value,
      thickness: number(measures, '00180088') ?? number(measures, '00180050'),
    }),
    sources: (own['00089124'] ?? shared['00089124'])?.Value?.flatMap((one) => one['00082112']?.Value ?? []) ?? [],
  };
}
