/** Vite plugin: leaves out parts of Cornerstone3D 5.14 that this viewer never runs, and mends three.
 *
 * Each rule names the file it changes; a build fails when upstream no longer looks as expected.
 */

const LEFT_OUT = '\0left-out';

// Readers of surface meshes bring an XML library with them.
const MESH_READERS =
  /@kitware\/vtk\.js\/IO\/(XML\/XMLPolyDataReader|Geometry\/(STL|PLY)Reader|Misc\/(OBJ|MTL)Reader)(\.js)?$/;
// The loader's index exports every decoder once more for the page; only the worker decodes.
const LOADER_INDEX = /dicom-image-loader\/dist\/esm\/index\.js$/;
const PAGE_DECODERS = /(decodeImageFrameWorker|shared\/decoders\/index)\.js$/;
// The segmentation worker is a second copy of core, vtk.js and dcmjs.
const COMPUTE_WORKER = /cornerstonejs\/tools\/dist\/esm\/utilities\/registerComputeWorker\.js$/;

const REPLACEMENTS = {
  [`${LEFT_OUT}-reader`]:
    'export default { newInstance() { throw new Error("mesh readers are left out"); } };',
  [`${LEFT_OUT}-decoders`]:
    'export const decodeImageFrame = undefined, postProcessDecodedPixels = undefined,' +
    ' initializers = {}, decoders = {};',
};

export function cornerstoneDiet() {
  return {
    name: 'cornerstone-diet',
    enforce: 'pre',
    resolveId(source, importer) {
      if (MESH_READERS.test(source)) return `${LEFT_OUT}-reader`;
      if (importer && LOADER_INDEX.test(importer) && PAGE_DECODERS.test(source)) {
        return `${LEFT_OUT}-decoders`;
      }
      return null;
    },
    load(id) {
      if (COMPUTE_WORKER.test(id)) {
        return 'export function registerComputeWorker() { throw new Error("segmentation is left out"); }';
      }
      return REPLACEMENTS[id] ?? null;
    },
    transform(code, id) {
      const repair = REPAIRS.find(({ file }) => file.test(id));
      return repair ? { code: mend(code, repair.edits, id), map: null } : null;
    },
  };
}

const REPAIRS = [
  {
    // The level shift of ITU-T T.81 A.3.1 is 2^(precision-1). Upstream scales its 8-bit constants
    // (2056 = 128 * 16 + 8 for rounding, 2024 = 127 * 16 - 8) by 4095/255, which makes every value
    // of a JPEG Extended image (1.2.840.10008.1.2.4.51) 15 too high.
    file: /dicom-image-loader\/dist\/esm\/codecs\/jpeg\.js$/,
    edits: [
      ['q <= -2056 / component.bitConversion', 'q <= -component.levelShift'],
      ['q >= 2024 / component.bitConversion', 'q >= component.levelLimit'],
      ['? 255 / component.bitConversion', '? component.maximum'],
      ['(q + 2056 / component.bitConversion) >> 4', '(q + component.levelShift) >> 4'],
      [
        'bitConversion: 255 / ((1 << frame.precision) - 1),',
        'maximum: (1 << frame.precision) - 1,' +
          ' levelShift: (1 << (frame.precision + 3)) + 8,' +
          ' levelLimit: ((1 << frame.precision) - 1) * 16 - (1 << (frame.precision + 3)),',
      ],
    ],
  },
  {
    // Signed images in a code stream that calls itself unsigned: upstream extends the sign into an
    // unsigned array, so that air at -2000 becomes 63536 and white.
    file: /dicom-image-loader\/dist\/esm\/decodeImageFrameWorker\.js$/,
    edits: [
      [
        'if (shouldShift && shift !== undefined) {',
        'if (shouldShift && shift !== undefined) {' +
          ' const Signed = { Uint8Array: Int8Array, Uint16Array: Int16Array }' +
          '[imageFrame.pixelData.constructor.name];' +
          ' if (Signed) { const { buffer, byteOffset, length } = imageFrame.pixelData;' +
          ' imageFrame.pixelData = new Signed(buffer, byteOffset, length); }',
      ],
    ],
  },
  {
    // Upstream swallows every key pressed in the viewport, Tab and reload among them: a keyboard
    // trap (WCAG 2.1.2).
    file: /cornerstonejs\/tools\/dist\/esm\/eventListeners\/keyboard\/keyDownListener\.js$/,
    edits: [['evt.preventDefault();', '']],
  },
  {
    // A table of shades for drawing on the processor: upstream guesses its depth by its greatest
    // entry, and finds none for values that are no whole numbers.
    file: /cornerstonejs\/core\/dist\/esm\/RenderingEngine\/helpers\/cpuFallback\/rendering\/getVOILut\.js$/,
    edits: [
      ['Math.max(...voiLUT.lut).toString(2).length', 'voiLUT.numBitsPerEntry'],
      ['voiLUT.lut[modalityLutValue - voiLUT.firstValueMapped]', 'voiLUT.lut[Math.round(modalityLutValue) - voiLUT.firstValueMapped]'],
    ],
  },
  {
    // The policy of the page takes no style attribute from a script, but what a script sets itself.
    file: /cornerstonejs\/tools\/dist\/esm\/drawingSvg\/drawTextBox\.js$/,
    edits: [["setAttribute('style', combinedStyle)", 'style.cssText = combinedStyle']],
  },
];

function mend(code, edits, file) {
  return edits.reduce((text, [before, after]) => {
    if (!text.includes(before)) throw new Error(`${file} has changed: "${before}" is gone`);
    return text.replace(before, after);
  }, code);
}
