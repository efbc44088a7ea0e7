/** What the browser's own JPEG decoder must be told of colour images in DICOM. */

// "Adobe", version 100, no flags, transform 0: the components are red, green and blue.
const RGB_MARKER = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, 0];
const SOI_BYTES = 2;
const APP0 = 0xe0;
const APP14 = 0xee;
const QUANTIZATION = 0xdb;

/** The same codestream, marked as RGB where only the header of the object says so.
 *
 * Without JFIF's or Adobe's marker a browser takes three components for YCbCr; in DICOM the
 * Photometric Interpretation says what they are (PS3.5 8.2.1).
 */
export function markedAsRgb(bytes) {
  if (hasColourMarker(bytes)) return bytes;
  const marked = new Uint8Array(bytes.length + RGB_MARKER.length);
  marked.set(bytes.subarray(0, SOI_BYTES));
  marked.set(RGB_MARKER, SOI_BYTES);
  marked.set(bytes.subarray(SOI_BYTES), SOI_BYTES + RGB_MARKER.length);
  return marked;
}

/** Application markers stand before all others (ITU-T T.81 B.2.1). */
function hasColourMarker(bytes) {
  let at = SOI_BYTES;
  while (at + 3 < bytes.length && bytes[at] === 0xff && bytes[at + 1] !== QUANTIZATION) {
    if (bytes[at + 1] === APP0 || bytes[at + 1] === APP14) return true;
    at += 2 + bytes[at + 2] * 256 + bytes[at + 3];
  }
  return false;
}
