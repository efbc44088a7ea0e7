/** Starts Cornerstone3D: limits for this machine, and one place that loads frames into its cache. */
import {
  cache, Enums, getShouldUseCPURendering, imageLoader, init as initCore, metaData, utilities,
} from '@cornerstonejs/core';
import { createImage, init as initLoader } from '@cornerstonejs/dicom-image-loader';
import { init as initTools } from '@cornerstonejs/tools';

import { loadDrawn } from './drawn.js';
import { FrameRequest } from './frames.js';
import { markedAsRgb } from './jpeg.js';
import { frameOf } from './headers.js';
import { lookUp, modalityItem, tableOf, voiFunction } from './lookup_tables.js';
import { hasOverlaysInPixels, withoutOverlayBits } from './overlay_planes.js';

const MEBIBYTE = 1024 * 1024;
const SILENCE_MS = 30_000;
const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';
const requests = new Map(); // image id → FrameRequest, as long as bytes arrive
let readersWaiting = 0;
let afterReader = () => {};

/** @param {(status: number) => void} onFailedRequest told the HTTP status of each failed frame */
export function startCornerstone(onFailedRequest) {
  initCore({ rendering: { webGlContextCount: 1 } }); // of each pane; upstream would open seven
  initLoader({
    maxWebWorkers: Math.max(1, Math.min(4, (navigator.hardwareConcurrency ?? 2) - 1)),
  });
  // Instead of the library's own loader, whose requests can be neither given up nor preloaded.
  imageLoader.registerImageLoader('wadors', (imageId, options) => ({
    promise: fetchAndDecode(imageId, options, onFailedRequest),
  }));
  initTools();
  cache.setMaxCacheSize(cacheBytes());
}

/** A quarter of the memory that the browser admits to (at most 8 GiB); an eighth of a phone's. */
function cacheBytes() {
  const touch = matchMedia('(pointer: coarse)').matches;
  const gibibytes = navigator.deviceMemory ?? (touch ? 3 : 8);
  return gibibytes * (touch ? 128 : 256) * MEBIBYTE;
}

/** The WebGL context of a rendering engine, each of which has one; undefined on the processor. */
const contextOf = (engine) =>
  engine.contextPool?.getContextByIndex(0).context.getOpenGLRenderWindow().get3DContext();

export const isContextLost = (engine) => Boolean(contextOf(engine)?.isContextLost());

/** Give the context back at once: a browser has about 16, and takes the oldest when they run out. */
export function destroyEngine(engine) {
  contextOf(engine)?.getExtension('WEBGL_lose_context')?.loseContext();
  engine.destroy();
}

export const isCpuRendering = () => getShouldUseCPURendering();
export const isLoaded = (imageId) => cache.isLoaded(imageId);

/** Why a frame that arrived is not drawn; the message is for the reader. */
export class FrameError extends Error {}

// --- One frame ------------------------------------------------------------------------------------

/** Fetch and decode one frame into the cache; joins a request for it that is already running. */
export async function loadFrame(imageId, requestType) {
  const started = cache.getImageLoadObject(imageId);
  if (started) return started.promise;
  const options = { requestType, useRGBA: isCpuRendering() }; // what the CPU backend draws colour from
  const promise = imageLoader.loadImage(imageId, options);
  // Rejects with the error of the load, or when the decoded frame is larger than the whole cache.
  await cache.putImageLoadObject(imageId, { promise });
  return promise;
}

async function fetchAndDecode(imageId, options, onFailedRequest) {
  if (isBeyondTheLibrary(imageId)) return loadDrawn(imageId, options);
  const { bytes, transferSyntax } = await fetchFrame(imageId, onFailedRequest);
  try {
    const codestream = isRgbJpeg(imageId, transferSyntax) ? markedAsRgb(bytes) : bytes;
    const { pixels, bits } = withoutOverlayBits(codestream, frameOf(imageId).instance);
    const image = await createImage(imageId, pixels, transferSyntax, { ...options, transferPixelData: true });
    // The library takes the first letter of a function for all of it.
    const own = { overlayBits: bits, voiLUTFunction: voiFunction(frameOf(imageId)) };
    return Object.assign(withModalityValues(requireAllPixels(image)), own);
  } catch (error) {
    if (error instanceof FrameError && !isSubsampled(imageId)) throw error;
    // What this library cannot decode, the server's may. If not, the first reason is the one to tell.
    return loadDrawn(imageId, options).catch(() => {
      throw error;
    });
  }
}

async function fetchFrame(imageId, onFailedRequest) {
  const request = new FrameRequest(imageId, isForTheServerToDecode(imageId) ? EXPLICIT_LITTLE_ENDIAN : '*');
  requests.set(imageId, request);
  try {
    return await request.answer;
  } catch (error) {
    if (error.name !== 'AbortError') onFailedRequest(error.status);
    throw error;
  } finally {
    requests.delete(imageId);
  }
}

/** Signed bytes, of which the library's decoders lose the signs or take two for one; 32 bits in RLE; and
 * pixels that may share their words with overlays, which the server takes out where they are compressed.
 */
function isForTheServerToDecode(imageId) {
  const { bitsAllocated, pixelRepresentation } = metaData.get('imagePixelModule', imageId);
  const isOfSignedBytes = bitsAllocated === 8 && pixelRepresentation === 1;
  return isOfSignedBytes || bitsAllocated === 32 || hasOverlaysInPixels(frameOf(imageId).instance);
}

function isRgbJpeg(imageId, transferSyntax) {
  const { photometricInterpretation } = metaData.get('imagePixelModule', imageId);
  return transferSyntax === JPEG_BASELINE && photometricInterpretation === 'RGB';
}

/** What the graphics card would draw as black, grey or white without complaint. */
function isBeyondTheLibrary(imageId) {
  const { bitsAllocated, samplesPerPixel } = metaData.get('imagePixelModule', imageId) ?? {};
  return bitsAllocated === 1 || (samplesPerPixel > 1 && bitsAllocated > 8);
}

/** Two chrominance samples for four pixels, which the library expands in JPEG alone. */
const isSubsampled = (imageId) =>
  metaData.get('imagePixelModule', imageId).photometricInterpretation === 'YBR_FULL_422';

function requireAllPixels(image) {
  const { rows, columns, numberOfComponents } = image;
  if (image.voxelManager.getScalarData().length < rows * columns * numberOfComponents) {
    throw new FrameError('Its pixel data is shorter than its header says.');
  }
  return image;
}

/** Values of the Modality LUT in the place of the stored ones, where there is one (PS3.3 C.11.1). */
function withModalityValues(image) {
  const table = modalityTable(image.imageId);
  if (!table) return image;
  const { rows, columns, imageFrame } = image;
  const stored = image.voxelManager.getScalarData();
  const pixels = new (table.top > 255 ? Uint16Array : Uint8Array)(stored.length);
  for (let pixel = 0; pixel < stored.length; pixel += 1) pixels[pixel] = lookUp(table, stored[pixel]);
  const { min, max } = utilities.getMinMax(pixels);
  const hasWindow = metaData.get('voiLutModule', image.imageId)?.windowCenter !== undefined;
  const { windowWidth, windowCenter } = hasWindow ? image : utilities.windowLevel.toWindowLevel(min, max);
  return {
    ...image,
    windowWidth,
    windowCenter,
    minPixelValue: min,
    maxPixelValue: max,
    dataType: pixels.constructor.name,
    sizeInBytes: pixels.byteLength,
    imageFrame: { ...imageFrame, pixelData: pixels, smallestPixelValue: min, largestPixelValue: max },
    voxelManager: utilities.VoxelManager.createImageVoxelManager({
      scalarData: pixels, width: columns, height: rows, numberOfComponents: 1,
    }),
    getPixelData: () => pixels,
  };
}

function modalityTable(imageId) {
  const item = modalityItem(frameOf(imageId).instance);
  try {
    return item && tableOf(item);
  } catch (error) {
    throw new FrameError(`Its Modality LUT cannot be applied. ${error.message}`);
  }
}

// --- Readers who wait, and those who fetch ahead for them -----------------------------------------

/** As loadFrame, for a reader who waits: gives up when nothing has arrived for half a minute.
 *
 * @param {AbortSignal} signal says that the reader went elsewhere
 */
export async function loadFrameInTime(imageId, signal) {
  const loading = loadFrame(imageId, Enums.RequestType.Interaction);
  const request = requests.get(imageId); // none while the frame is decoded, or drawn by the server
  const silence = new Silence(() => request?.abort());
  const leave = () => request?.readers === 1 && request.abort();
  signal?.addEventListener('abort', leave);
  readersWaiting += 1;
  if (request) {
    request.readers += 1;
    request.onProgress = () => silence.restart();
  }
  try {
    return await Promise.race([loading, silence.promise]);
  } finally {
    silence.end();
    signal?.removeEventListener('abort', leave);
    readersWaiting -= 1;
    if (request) request.readers -= 1;
    afterReader();
  }
}

/** A promise that is rejected when nothing has been heard for too long. */
class Silence {
  #timer;
  #break;

  constructor(onTooLong) {
    this.promise = new Promise((_, reject) => {
      this.#break = () => {
        reject(new FrameError('Nothing arrived for half a minute.'));
        onTooLong();
      };
    });
    this.restart();
  }

  restart() {
    this.end();
    this.#timer = setTimeout(this.#break, SILENCE_MS);
  }

  end() {
    clearTimeout(this.#timer);
  }
}

export const isReaderWaiting = () => readersWaiting > 0;

/** @param {() => void} callback called whenever a reader has got a frame, or gone elsewhere */
export const whenReaderServed = (callback) => (afterReader = callback);

/** Abort the request for a frame, unless a reader waits for it. */
export function giveUpFrame(imageId) {
  const request = requests.get(imageId);
  if (request && !request.readers) request.abort();
}

/** Take a frame that is far from any reader out of the cache. */
export function dropFrame(imageId) {
  if (isLoaded(imageId)) cache.removeImageLoadObject(imageId);
}
