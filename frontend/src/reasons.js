/** Puts a failure into words a reader can act on. */
import { text } from './attributes.js';
import { FrameError } from './cornerstone.js';

const TRANSFER_SYNTAXES = {
  '1.2.840.10008.1.2': 'Implicit VR Little Endian',
  '1.2.840.10008.1.2.1': 'Explicit VR Little Endian',
  '1.2.840.10008.1.2.1.99': 'Deflated Explicit VR Little Endian',
  '1.2.840.10008.1.2.2': 'Explicit VR Big Endian',
  '1.2.840.10008.1.2.4.50': 'JPEG Baseline',
  '1.2.840.10008.1.2.4.51': 'JPEG Extended',
  '1.2.840.10008.1.2.4.57': 'JPEG Lossless',
  '1.2.840.10008.1.2.4.70': 'JPEG Lossless, first-order prediction',
  '1.2.840.10008.1.2.4.80': 'JPEG-LS Lossless',
  '1.2.840.10008.1.2.4.81': 'JPEG-LS Near-Lossless',
  '1.2.840.10008.1.2.4.90': 'JPEG 2000 Lossless',
  '1.2.840.10008.1.2.4.91': 'JPEG 2000',
  '1.2.840.10008.1.2.4.201': 'High-Throughput JPEG 2000 Lossless',
  '1.2.840.10008.1.2.4.202': 'High-Throughput JPEG 2000 RPCL Lossless',
  '1.2.840.10008.1.2.4.203': 'High-Throughput JPEG 2000',
  '1.2.840.10008.1.2.4.110': 'JPEG XL Lossless',
  '1.2.840.10008.1.2.4.112': 'JPEG XL',
  '1.2.840.10008.1.2.5': 'RLE Lossless',
};
const VIDEO = /^1\.2\.840\.10008\.1\.2\.4\.10\d(\.1)?$/; // MPEG-2, H.264 and H.265 in PS3.6 Annex A
const PIXEL_DATA = ['7FE00010', '7FE00008', '7FE00009'];

const STATUS = {
  0: 'The server did not answer. Check the network.',
  401: 'Your session has ended.',
  403: 'You may not see this study.',
  404: 'The archive does not have it.',
  406: 'The server cannot send it in a form that this viewer reads.',
  429: 'Too many requests; wait a little and try again.',
};

/** Why a request failed, by its HTTP status. */
function explainStatus(status) {
  return STATUS[status] ?? `The server answered with HTTP ${status}.`;
}

/** Why a list or a series is not there: no HTTP status means that the answer made no sense. */
export function explainFailure(error) {
  if (typeof error.status === 'number') return explainStatus(error.status);
  console.error(error);
  return 'What the server says of it cannot be understood.';
}

/** Why a frame is not shown. `error` is an XMLHttpRequest when the request itself failed. */
export function explainFrame(error, instance) {
  const syntax = text(instance, '00083002');
  if (VIDEO.test(syntax)) return `It is a video (${syntaxName(syntax)}), which this viewer does not play.`;
  if (!PIXEL_DATA.some((tag) => tag in instance)) return 'It has no pixel data.';
  if (error instanceof FrameError) return error.message;
  if (typeof error.status === 'number') return explainStatus(error.status);
  return `Its pixel data cannot be decoded (transfer syntax ${syntaxName(syntax)}).`;
}

function syntaxName(uid) {
  if (!uid) return 'not stated';
  return uid in TRANSFER_SYNTAXES ? `${TRANSFER_SYNTAXES[uid]}, ${uid}` : uid;
}
