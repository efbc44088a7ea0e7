/** Reads single values out of the DICOM JSON model (PS3.18 Annex F) and words them for people. */

/** Value `index` of the attribute `tag` (eight hex digits), undefined when absent or empty. */
export function value(instance, tag, index = 0) {
  return instance[tag]?.Value?.[index] ?? undefined;
}

export function text(instance, tag) {
  return String(value(instance, tag) ?? '').trim();
}

/** DS and IS may arrive as numbers or strings; undefined when absent or not a number. */
export function number(instance, tag, index = 0) {
  const found = value(instance, tag, index);
  const result = found === undefined || found === '' ? NaN : Number(found);
  return Number.isFinite(result) ? result : undefined;
}

/** Of an enhanced image, the item of a functional group for this frame, else for all (PS3.3 C.7.6.16). */
export function functionalGroup({ instance, frame }, tag) {
  const groups = [instance['52009230']?.Value?.[frame - 1], instance['52009229']?.Value?.[0]];
  return groups.map((group) => group?.[tag]?.Value?.[0]).find(Boolean);
}

function personName(instance, tag) {
  const groups = value(instance, tag) ?? {};
  const [alphabetic, ideographic] = [groups.Alphabetic, groups.Ideographic].map(readableName);
  if (alphabetic && ideographic) return `${alphabetic} (${ideographic})`;
  return alphabetic || ideographic;
}

export const patientName = (instance) => personName(instance, '00100010') || 'No patient name';

/** `Family^Given^Middle^Prefix^Suffix` (PS3.5 6.2.1) as `Family, Prefix Given Middle, Suffix`. */
export function readableName(group) {
  const [family = '', given = '', middle = '', prefix = '', suffix = ''] = (group ?? '')
    .split('^')
    .map((part) => part.trim());
  const forenames = [prefix, given, middle].filter(Boolean).join(' ');
  return [family, forenames, suffix].filter(Boolean).join(', ');
}

/** `20240105` as `2024-01-05`; anything else as it is. */
export function date(instance, tag) {
  return text(instance, tag).replace(/^(\d{4})\.?(\d{2})\.?(\d{2})$/, '$1-$2-$3');
}
