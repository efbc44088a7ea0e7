/** Lookup tables in headers (PS3.3 C.11.1 and C.11.2): which there are, and the values they hold. */
import { functionalGroup, number, text } from './attributes.js';
import { bytesOf } from './dicomweb.js';

// Whose Modality LUT leads back to the intensity of the beam, for measuring, and not to the screen.
const NOT_FOR_DISPLAY = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.12\.[12](\.1)?$/; // XA and XRF

const read = new WeakMap(); // item of a sequence → its table, or why it has none

/** What an item with LUT Descriptor and LUT Data holds.
 *
 * @returns `{ first, entries, top, label }`: the value that the first entry is for, and what the
 *   greatest of all entries may be
 * @throws {Error} with a sentence where the item makes no table
 */
export function tableOf(item) {
  const found = readOnce(item);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

function readOnce(item) {
  if (!read.has(item)) read.set(item, readTable(item));
  return read.get(item);
}

function readTable(item) {
  const [count, first, bits] = [0, 1, 2].map((index) => number(item, '00283002', index));
  if ([count, first].includes(undefined) || !(bits >= 1 && bits <= 16)) return 'It does not say how long it is.';
  const entries = entriesOf(item['00283006'] ?? {}, count || 65536); // 0 stands for 2 to the 16th
  if (!entries) return 'It has fewer entries than it says.';
  return { first, entries, top: 2 ** bits - 1, label: text(item, '00283003') };
}

/** Numbers, words of 16 bits, or bytes where there is but one for each entry (C.11.1.1.1). */
function entriesOf(attribute, count) {
  if (attribute.Value?.length >= count) return Uint16Array.from(attribute.Value.slice(0, count));
  const bytes = bytesOf(attribute) ?? [];
  if (bytes.length >= 2 * count) {
    return Uint16Array.from({ length: count }, (_, index) => bytes[2 * index] | (bytes[2 * index + 1] << 8));
  }
  return bytes.length >= count ? Uint16Array.from(bytes.subarray(0, count)) : undefined;
}

/** The entry for a value; those outside are taken for the first or the last. */
export function lookUp({ first, entries }, amount) {
  return entries[Math.max(0, Math.min(entries.length - 1, Math.round(amount) - first))];
}

// --- VOI LUT Sequence ----------------------------------------------------------------------------

/** The VOI LUTs offered for a frame, those that make sense; `isWhole` says whether that is all of them. */
export function voiTables(frame) {
  const items = [functionalGroup(frame, '00289132'), frame.instance]
    .map((source) => source?.['00283010']?.Value ?? [])
    .find((found) => found.length) ?? [];
  const tables = items.map(readOnce).filter((found) => typeof found !== 'string');
  return { tables, isWhole: tables.length === items.length };
}

const FUNCTIONS = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'];

/** What the window of a frame means (C.11.2.1.2, C.11.2.1.3). */
export function voiFunction(frame) {
  const found = text(functionalGroup(frame, '00289132') ?? frame.instance, '00281056');
  return FUNCTIONS.includes(found) ? found : 'LINEAR';
}

// --- Modality LUT Sequence -----------------------------------------------------------------------

/** The item that makes modality values of stored ones, undefined where nothing or a rescale does. */
export function modalityItem(instance) {
  const [item] = instance['00283000']?.Value ?? [];
  return NOT_FOR_DISPLAY.test(text(instance, '00080016')) ? undefined : item;
}
