/** The value under the pointer, beside the picture: modality values, or red, green and blue. */
import { metaData, utilities } from '@cornerstonejs/core';

const DIGITS = 6;

/** Tell it in every pane of the viewer, as the pointer or the picture moves. */
export function readOutUnderPointer(viewer, grid) {
  let pointer; // where it was last, if over a pane
  const show = () => {
    for (const pane of viewer.panes) {
      const isOver = pointer && viewer.paneOf(pointer.target) === pane;
      const line = pane.element.querySelector('[data-overlay=value]');
      line.textContent = isOver && pane.stack.shown !== undefined ? describe(pane, pointer) : '';
    }
  };
  grid.addEventListener('pointermove', (event) => {
    pointer = event.pointerType === 'touch' ? undefined : event; // under a finger nobody sees it
    show();
  });
  grid.addEventListener('pointerleave', () => {
    pointer = undefined;
    show();
  });
  viewer.addEventListener('view', show);
}

function describe({ viewport, element }, { clientX, clientY }) {
  const box = element.querySelector('.picture').getBoundingClientRect();
  const image = viewport.getCornerstoneImage();
  const found = pixelAt(viewport, image, [clientX - box.x, clientY - box.y]);
  if (!found) return '';
  return [`x ${found.column}  y ${found.row}`, wordsOf(image, found.samples)].filter(Boolean).join('\n');
}

/** The pixel at a place on the canvas, counted from 0; undefined outside of the image. */
function pixelAt(viewport, image, place) {
  const { imageData } = viewport.getImageData();
  const [column, row] = utilities
    .transformWorldToIndex(imageData, viewport.canvasToWorld(place))
    .map(Math.round);
  if (column < 0 || row < 0 || column >= image.columns || row >= image.rows) return undefined;
  const { numberOfComponents, voxelManager } = image;
  const start = (row * image.columns + column) * numberOfComponents;
  const samples = voxelManager.getScalarData().subarray(start, start + numberOfComponents);
  return { column, row, samples: [...samples] };
}

function wordsOf(image, samples) {
  if (samples.length > 1) {
    const [red, green, blue] = samples;
    return `R ${red}  G ${green}  B ${blue}`;
  }
  if (image.isDrawn) return ''; // shades that the server has made
  const value = Number.isInteger(samples[0]) ? samples[0] : Number(samples[0].toPrecision(DIGITS));
  return [value, unitOf(image)].filter((part) => part !== '').join(' ');
}

/** Of the values of an image after its Modality LUT. */
export function unitOf({ imageId, preScale }) {
  const { suvbw, doseGridScaling, doseUnit } = preScale?.scalingParameters ?? {};
  if (suvbw) return 'SUVbw';
  if (doseGridScaling) return doseUnit ?? '';
  const { rescaleType } = metaData.get('modalityLutModule', imageId) ?? {};
  if (rescaleType) return rescaleType === 'US' ? '' : rescaleType; // US: unspecified
  return metaData.get('generalSeriesModule', imageId)?.modality === 'CT' ? 'HU' : '';
}
