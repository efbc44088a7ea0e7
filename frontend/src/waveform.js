/** Samples of a Waveform Sequence (PS3.3 C.10.9.1) in their own units. */
import { number, text } from './attributes.js';

const MAX_SAMPLES = 20_000_000; // of all channels of a group
// Of Waveform Sample Interpretation (C.10.9.1.5): bytes, and how to read one.
const READERS = {
  SB: [1, (view, at) => view.getInt8(at)],
  UB: [1, (view, at) => view.getUint8(at)],
  SS: [2, (view, at) => view.getInt16(at, true)],
  US: [2, (view, at) => view.getUint16(at, true)],
  SL: [4, (view, at) => view.getInt32(at, true)],
  UL: [4, (view, at) => view.getUint32(at, true)],
};
const MILLIVOLTS = { V: 1000, mV: 1, uV: 0.001, 'µV': 0.001, nV: 0.000001 };
const LEAD = /\b(aV[RLF]|V[1-9]R?|I{1,3})\b/i;

/** @throws {Error} with a sentence where the samples cannot be read */
export const readGroups = (instance) => instance['54000100'].Value.map(readGroup);

function readGroup(group) {
  const [channels, count] = [number(group, '003A0005'), number(group, '003A0010')];
  const frequency = number(group, '003A001A');
  const definitions = group['003A0200']?.Value ?? [];
  if (!(channels > 0 && count > 0 && frequency > 0) || definitions.length < channels) {
    throw new Error('It does not say how many channels and samples it has, or how fast they were taken.');
  }
  if (channels * count > MAX_SAMPLES) throw new Error('It has too many samples.');
  const kind = text(group, '54001006');
  if (!(kind in READERS)) throw new Error(`Samples of the kind ${kind || 'unknown'} are not read here.`);
  const [width, read] = READERS[kind];
  const data = bytesOf(group['54001010']);
  if (data.byteLength < channels * count * width) throw new Error('It has fewer samples than it says.');
  const padding = group['5400100A'] ? bytesOf(group['5400100A']) : undefined;
  const padded = padding && padding.byteLength >= width ? read(padding, 0) : undefined;
  return {
    label: text(group, '003A0020'),
    frequency,
    seconds: count / frequency,
    channels: definitions.slice(0, channels).map((definition, index) =>
      readChannel(definition, count, (n) => read(data, (n * channels + index) * width), padded)),
  };
}

function bytesOf(attribute) {
  if (!attribute?.InlineBinary) throw new Error('It has no samples.');
  const bytes = Uint8Array.from(atob(attribute.InlineBinary), (letter) => letter.charCodeAt(0));
  return new DataView(bytes.buffer);
}

/** Values are samples times sensitivity times its correction, plus the baseline (C.10.9.1.4.2). */
function readChannel(definition, count, sampleAt, padded) {
  const sensitivity = number(definition, '003A0210') ?? 1;
  const factor = sensitivity * (number(definition, '003A0212') ?? 1);
  const baseline = number(definition, '003A0213') ?? 0;
  const unit = text(definition['003A0211']?.Value?.[0] ?? {}, '00080100') || 'units';
  const source = definition['003A0208']?.Value?.[0] ?? {};
  const name = text(definition, '003A0203') || text(source, '00080104') || 'Channel';
  const samples = new Float32Array(count);
  let peak = 0;
  for (let n = 0; n < count; n += 1) {
    const sample = sampleAt(n);
    samples[n] = sample === padded ? NaN : sample * factor + baseline;
    if (Math.abs(samples[n]) > peak) peak = Math.abs(samples[n]);
  }
  return {
    name,
    lead: LEAD.exec(name)?.[1].toUpperCase(),
    unit,
    millivolts: MILLIVOLTS[unit], // of one unit; undefined where it is no voltage
    samples,
    peak,
    low: number(definition, '003A0220'),
    high: number(definition, '003A0221'),
    notch: number(definition, '003A0222'),
  };
}
