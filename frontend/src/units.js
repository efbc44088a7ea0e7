/** What the values of an image's pixels are measured in: one answer for all who name it. */
import { text } from './attributes.js';

const SECONDARY_CAPTURE = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.7(\.|$)/;
const PET = { BQML: 'Bq/ml', GML: 'g/ml', CNTS: 'counts', PROPCNTS: 'counts', CPS: 'counts/s', PCNT: '%' };

/** In words; empty where it is not said, and where the values are but shades.
 *
 * @param image of Cornerstone, whose values may have been rescaled to uptake or dose
 * @param frame of a display set, whose header says the rest
 */
export function unitOf(image, { instance, frame }) {
  if (image.isDrawn || image.color || SECONDARY_CAPTURE.test(text(instance, '00080016'))) return '';
  const { scaled, scalingParameters = {} } = image.preScale ?? {};
  if (scaled && scalingParameters.suvbw) return 'SUVbw';
  if (scaled && scalingParameters.doseGridScaling) return scalingParameters.doseUnit ?? '';
  const [type, modality] = [rescaleType(instance, frame), text(instance, '00080060')];
  if (type && type !== 'US' && type !== 'HU') return type; // US is unspecified (PS3.3 C.11.1.1.2)
  if (modality === 'PT') return PET[text(instance, '00541001')] ?? text(instance, '00541001');
  return modality === 'CT' && type !== 'US' ? 'HU' : '';
}

/** Of enhanced multi-frame images: of the frame, else of all of them (PS3.3 C.7.6.16.2.9). */
function rescaleType(instance, frame) {
  const groups = [instance['52009230']?.Value?.[frame - 1], instance['52009229']?.Value?.[0]];
  const items = [instance, ...groups.map((group) => group?.['00289145']?.Value?.[0])];
  return text(items.find((item) => item && text(item, '00281054')) ?? {}, '00281054');
}
