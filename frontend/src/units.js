/** What the values of an image's pixels are measured in: one answer for all who name it. */
import { functionalGroup, text } from './attributes.js';
import { modalityItem } from './lookup_tables.js';

const SECONDARY_CAPTURE = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.7(\.|$)/;
const PET = { BQML: 'Bq/ml', GML: 'g/ml', CNTS: 'counts', PROPCNTS: 'counts', CPS: 'counts/s', PCNT: '%' };

/** In words; empty where it is not said, and where the values are but shades.
 *
 * @param image of Cornerstone, whose values may have been rescaled to uptake or dose
 * @param frame of a display set, whose header says the rest
 */
export function unitOf(image, frame) {
  const { instance } = frame;
  if (image.isDrawn || image.color || SECONDARY_CAPTURE.test(text(instance, '00080016'))) return '';
  const { scaled, scalingParameters = {} } = image.preScale ?? {};
  if (scaled && scalingParameters.suvbw) return 'SUVbw';
  if (scaled && scalingParameters.doseGridScaling) return scalingParameters.doseUnit ?? '';
  const [type, modality] = [rescaleType(frame), text(instance, '00080060')];
  if (type && type !== 'US' && type !== 'HU') return type; // US is unspecified (PS3.3 C.11.1.1.2)
  if (modality === 'PT') return PET[text(instance, '00541001')] ?? text(instance, '00541001');
  return modality === 'CT' && type !== 'US' ? 'HU' : '';
}

/** Of a Modality LUT, else of the rescale, which enhanced images may have for each frame (C.7.6.16.2.9). */
function rescaleType(frame) {
  const { instance } = frame;
  const table = modalityItem(instance);
  if (table) return text(table, '00283004');
  return text(instance, '00281054') || text(functionalGroup(frame, '00289145') ?? {}, '00281054');
}
