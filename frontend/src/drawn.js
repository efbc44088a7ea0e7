/** Images that this browser's library cannot draw, as the server draws them. */
import { metaData, utilities } from '@cornerstonejs/core';

import { fetchDrawn } from './frames.js';

/** An image of Cornerstone out of the server's picture; `isDrawn` says that its values are shades.
 *
 * @throws RequestError when the server cannot draw it either
 */
export async function loadDrawn(imageId, { useRGBA }) {
  const { rows, columns, samplesPerPixel } = metaData.get('imagePixelModule', imageId);
  const plane = metaData.get('imagePlaneModule', imageId) ?? {};
  const isColor = samplesPerPixel > 1;
  const numberOfComponents = isColor ? (useRGBA ? 4 : 3) : 1;
  const pixels = pixelsOf(await fetchDrawn(imageId), rows, columns, numberOfComponents);
  return {
    imageId, rows, columns, height: rows, width: columns,
    isDrawn: true,
    color: isColor,
    rgba: isColor && useRGBA,
    numberOfComponents,
    dataType: 'Uint8Array',
    sizeInBytes: pixels.byteLength,
    columnPixelSpacing: plane.columnPixelSpacing,
    rowPixelSpacing: plane.rowPixelSpacing,
    intercept: 0,
    slope: 1,
    invert: false, // which the server has done
    minPixelValue: 0,
    maxPixelValue: 255,
    windowCenter: 128,
    windowWidth: 256,
    imageFrame: { rows, columns, pixelData: pixels, bitsAllocated: 8 },
    voxelManager: utilities.VoxelManager.createImageVoxelManager({
      scalarData: pixels, width: columns, height: rows, numberOfComponents,
    }),
    getPixelData: () => pixels,
  };
}

/** In pixels of the object: the server makes them square. */
function pixelsOf(bitmap, rows, columns, samples) {
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap, 0, 0, columns, rows);
  const { data } = context.getImageData(0, 0, columns, rows);
  const pixels = new Uint8Array(rows * columns * samples);
  for (let pixel = 0; pixel < rows * columns; pixel += 1) {
    for (let sample = 0; sample < samples; sample += 1) {
      pixels[pixel * samples + sample] = data[pixel * 4 + sample];
    }
  }
  return pixels;
}
