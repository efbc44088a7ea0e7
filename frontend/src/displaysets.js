/** From answers of the archive to what the page shows: the series of the rail and stacks of frames. */
import { utilities } from '@cornerstonejs/metadata';

import { number, text, value } from './attributes.js';
import { isSegmentation } from './segmentation.js';
import { isVideo } from './video.js';
import { keepHeader } from './headers.js';
import { modalityItem } from './lookup_tables.js';
import { imageId, retrieveSeriesMetadata, searchForSeries } from './dicomweb.js';

// Modalities (PS3.3 C.7.3.1.1.1) whose instances hold no image of their own.
const DOCUMENTS = {
  SR: 'Structured report',
  KO: 'Key object selection',
  PR: 'Presentation state',
  DOC: 'Document',
  RTSTRUCT: 'Radiotherapy structure set',
  RTPLAN: 'Radiotherapy plan',
  RTRECORD: 'Radiotherapy treatment record',
  REG: 'Registration',
  FID: 'Fiducials',
  PLAN: 'Plan',
  ECG: 'Electrocardiogram',
  HD: 'Haemodynamic waveform',
  AU: 'Audio',
  SEG: 'Segmentation',
  SMR: 'Stereometric relationship',
};

const LAST = Number.MAX_SAFE_INTEGER;

/** The series of a study in the order of their numbers; those without a number come last. */
export async function loadSeriesList(study) {
  const found = await searchForSeries(study.uid);
  return found.map((json) => describeSeries(study, json)).sort(bySeriesNumber);
}

function describeSeries(study, json) {
  const modality = text(json, '00080060') || 'OT';
  return {
    study,
    uid: value(json, '0020000E'),
    modality,
    kind: DOCUMENTS[modality],
    number: number(json, '00200011'),
    description: text(json, '0008103E'),
    instances: number(json, '00201209'),
  };
}

function bySeriesNumber(a, b) {
  return (a.number ?? LAST) - (b.number ?? LAST) || a.uid.localeCompare(b.uid);
}

/** The stack of a series: one entry per frame; `other` are instances that are no images. */
export async function loadDisplaySet(series, signal) {
  const metadata = await retrieveSeriesMetadata(series.study.uid, series.uid, signal);
  const frames = metadata.filter(isImage).sort(byInstanceNumber).flatMap((instance) => framesOf(series, instance));
  return { series, frames, other: metadata.filter((instance) => !isImage(instance)) };
}

/** Something to be drawn as it is; segments and videos have rows as well. */
const isImage = (instance) =>
  number(instance, '00280010') > 0 && !isVideo(instance) && !isSegmentation(instance);

/** The order in which a report counts the images. */
function byInstanceNumber(a, b) {
  const order = (instance) => number(instance, '00200013') ?? LAST;
  return order(a) - order(b) || text(a, '00080018').localeCompare(text(b, '00080018'));
}

function framesOf(series, instance) {
  const named = (frame) => imageId(series.study.uid, series.uid, text(instance, '00080018'), frame);
  const count = number(instance, '00280008') || 1;
  utilities.addDicomWebInstance(named(1), forTheLibrary(instance)); // all frames
  keepHeader(named(1), instance);
  return Array.from({ length: count }, (_, index) => ({
    imageId: named(index + 1),
    series,
    instance,
    frame: index + 1,
    frameCount: count,
  }));
}

/** Without what Cornerstone would take at its word: a window that cannot be, a rescale beside a table.
 *
 * A Window Width below 1 is not allowed (PS3.3 C.11.2.1.2) but occurs, and would draw all black; without
 * it Cornerstone takes the range of the values.
 */
function forTheLibrary(instance) {
  const known = { ...instance };
  const least = text(instance, '00281056') === 'LINEAR' || !text(instance, '00281056') ? 1 : Number.MIN_VALUE;
  const unusable = number(instance, '00281051') >= least ? [] : ['00281050', '00281051'];
  const replaced = modalityItem(instance) ? ['00281052', '00281053'] : [];
  for (const tag of [...unusable, ...replaced]) delete known[tag];
  return known;
}

/** Bytes of one decoded frame. */
export function frameBytes({ instance }) {
  const palette = text(instance, '00280004') === 'PALETTE COLOR';
  const samples = palette ? 3 : (number(instance, '00280002') ?? 1);
  const bytes = palette ? 1 : Math.ceil((number(instance, '00280100') ?? 16) / 8);
  return number(instance, '00280010') * number(instance, '00280011') * samples * bytes;
}
