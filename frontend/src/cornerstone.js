/** Starts Cornerstone3D: limits for this machine, and one place that knows the running requests. */
import {
  cache, eventTarget, getShouldUseCPURendering, imageLoader, init as initCore, Enums,
} from '@cornerstonejs/core';
import { init as initLoader } from '@cornerstonejs/dicom-image-loader';
import { init as initTools } from '@cornerstonejs/tools';

const MEBIBYTE = 1024 * 1024;
const SILENCE_MS = 30_000;
const running = new Map(); // image id → XMLHttpRequest

/** @param {(status: number) => void} onFailedRequest told the HTTP status of each failed frame */
export function startCornerstone(onFailedRequest) {
  initCore({ rendering: { webGlContextCount: 1 } }); // of each pane; upstream would open seven
  initLoader({
    maxWebWorkers: Math.max(1, Math.min(4, (navigator.hardwareConcurrency ?? 2) - 1)),
    beforeSend: async (xhr, imageId) => {
      xhr.addEventListener('loadstart', () => running.set(imageId, xhr));
      xhr.addEventListener('loadend', () => running.delete(imageId));
    },
    errorInterceptor: (error) => onFailedRequest(error.status),
  });
  initTools();
  cache.setMaxCacheSize(cacheBytes());
}

/** An eighth of the memory the browser admits to (at most 8 GiB); phones often do not say. */
function cacheBytes() {
  const touch = matchMedia('(pointer: coarse)').matches;
  const gibibytes = navigator.deviceMemory ?? (touch ? 3 : 8);
  return Math.min(1024, gibibytes * 128) * MEBIBYTE;
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

/** Fetch and decode one frame into the cache; joins a request for it that is already running. */
export async function loadFrame(imageId, requestType) {
  const started = cache.getImageLoadObject(imageId);
  if (started) return started.promise;
  const options = {
    requestType,
    priority: requestType === Enums.RequestType.Interaction ? -5 : 0,
    useRGBA: isCpuRendering(), // what the CPU backend draws colour from
  };
  const promise = imageLoader.loadImage(imageId, options).then(refuseUndrawable);
  // Rejects with the error of the load, or when the decoded frame is larger than the whole cache.
  await cache.putImageLoadObject(imageId, { promise });
  return promise;
}

/** Why a frame that arrived is not drawn; the message is for the reader. */
export class FrameError extends Error {}

/** What the graphics card would draw as black, grey or white without complaint. */
function refuseUndrawable(image) {
  const { rows, columns, numberOfComponents, imageFrame } = image;
  const values = image.voxelManager.getScalarData();
  if (imageFrame.bitsAllocated === 1) throw new FrameError('It has one bit per pixel, as a mask.');
  if (image.color && values.BYTES_PER_ELEMENT > 1) {
    throw new FrameError('It has more than 8 bits per colour.');
  }
  if (values.length < rows * columns * numberOfComponents) {
    throw new FrameError('Its pixel data is shorter than its header says.');
  }
  return image;
}

/** As loadFrame, for a reader who waits: gives up when nothing has arrived for half a minute. */
export async function loadFrameInTime(imageId) {
  let timer;
  let giveUp;
  const silence = new Promise((_, reject) => {
    giveUp = () => {
      reject(new FrameError('Nothing arrived for half a minute.'));
      running.get(imageId)?.abort();
    };
  });
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, SILENCE_MS);
  };
  const onProgress = ({ detail }) => detail.imageId === imageId && restart();
  eventTarget.addEventListener('cornerstoneimageloadprogress', onProgress);
  restart();
  try {
    return await Promise.race([loadFrame(imageId, Enums.RequestType.Interaction), silence]);
  } finally {
    clearTimeout(timer);
    eventTarget.removeEventListener('cornerstoneimageloadprogress', onProgress);
  }
}

/** Cancel what is under way of these frames. */
export function abortRequests(frames) {
  for (const { imageId } of frames) running.get(imageId)?.abort();
}
