/** The grey pipeline of a presentation state (PS3.4 N.2.1) as one curve over the values of a picture. */
import { number, text } from './attributes.js';
import { lookUp, modalityItem, tableOf } from './lookup_tables.js';

const MOST_STEPS = 4096;
const TABLES = { '00283000': 'its modality table', '20500010': 'its presentation table' };

/** A curve for transfer.js, undefined where a window says it all.
 *
 * @param item of its Softcopy VOI LUT Sequence for this frame, if any
 * @param image of Cornerstone, with the values after the image's own Modality LUT
 */
export function curveOfPresentation(state, item, frame, image) {
  const [modality, voi, presentation] = [state['00283000'], item?.['00283010'], state['20500010']].map(firstTable);
  const isSigmoid = item && text(item, '00281056') === 'SIGMOID';
  if (!modality && !voi && !presentation && !isSigmoid) return undefined;
  const { minPixelValue: lower, maxPixelValue: upper } = image;
  if (!(upper > lower)) return undefined;
  const transform = modalityOf(state, modality, frame.instance);
  const ends = modality ? [0, modality.top] : [transform(lower), transform(upper)];
  const interest = voi ? (amount) => lookUp(voi, amount) / voi.top : windowOf(item, ends);
  const present = presentation
    ? (share) => lookUp(presentation, share * (presentation.entries.length - 1) + presentation.first) / presentation.top
    : (share) => share;
  const slope = Math.abs(number(frame.instance, '00281053') ?? 1) || 1;
  const count = Math.max(2, Math.min(MOST_STEPS, Math.round((upper - lower) / slope) + 1));
  const shades = Float32Array.from({ length: count }, (_, index) =>
    present(interest(transform(lower + ((upper - lower) * index) / (count - 1)))));
  return { lower, upper, shades, label: voi?.label || 'of the presentation state' };
}

/** Which of its tables make no sense, in words. */
export function unusableTables(state) {
  const said = Object.entries(TABLES).filter(([tag]) => isUnusable(state[tag])).map(([, words]) => words);
  const windows = state['00283110']?.Value ?? [];
  return windows.some((item) => isUnusable(item['00283010'])) ? [...said, 'a VOI table'] : said;
}

function isUnusable(sequence) {
  return Boolean(sequence?.Value?.length) && !firstTable(sequence);
}

function firstTable(sequence) {
  try {
    return sequence?.Value?.length ? tableOf(sequence.Value[0]) : undefined;
  } catch {
    return undefined; // `unusableTables` says so
  }
}

/** From values of the picture to those of the state, which has the stored ones in mind (C.11.1).
 *
 * Where the image has a table too, the state's is taken to be the same: there is no way back through it.
 */
function modalityOf(state, table, instance) {
  if (modalityItem(instance)) return (amount) => amount;
  const [slope, intercept] = [number(instance, '00281053') ?? 1, number(instance, '00281052') ?? 0];
  const stored = (amount) => (amount - intercept) / (slope || 1);
  if (table) return (amount) => lookUp(table, stored(amount));
  const [own, offset] = [number(state, '00281053'), number(state, '00281052')];
  return own && offset !== undefined ? (amount) => stored(amount) * own + offset : (amount) => amount;
}

/** Shares from 0 to 1 by one of the functions of C.11.2.1.2 and C.11.2.1.3; all between the ends without a window. */
function windowOf(item, [start, end]) {
  const [center, width] = ['00281050', '00281051'].map((tag) => item && number(item, tag));
  const clipped = (share) => Math.max(0, Math.min(1, share));
  if (center === undefined || !(width > 0)) return (amount) => clipped((amount - start) / (end - start || 1));
  const kind = text(item, '00281056') || 'LINEAR';
  if (kind === 'SIGMOID') return (amount) => 1 / (1 + Math.exp((-4 * (amount - center)) / width));
  if (kind === 'LINEAR_EXACT') return (amount) => clipped((amount - center) / width + 0.5);
  return (amount) => clipped((amount - (center - 0.5)) / Math.max(width - 1, 1e-6) + 0.5);
}
