/** Keys: the table, the sheet that shows it, and the listener.
 *
 * Letters follow the IHE Basic Image Review profile where it names one.
 */
import { element } from './dom.js';

const SHORTCUTS = {
  Images: [
    ['Next image', ['ArrowDown', 'ArrowRight'], 'next'],
    ['Previous image', ['ArrowUp', 'ArrowLeft'], 'previous'],
    ['Ten images on', ['PageDown'], 'nextPage'],
    ['Ten images back', ['PageUp'], 'previousPage'],
    ['First image', ['Home'], 'first'],
    ['Last image', ['End'], 'last'],
    ['Play or pause', ['c', ' '], 'cine'],
    ['Play slower', ['<'], 'slower'],
    ['Play faster', ['>'], 'faster'],
    ['Next series', ['.'], 'nextSeries'],
    ['Previous series', [','], 'previousSeries'],
  ],
  'Left button or one finger': [
    ['Window', ['w'], 'tool', 'WindowLevel'],
    ['Scroll', ['s'], 'tool', 'Scroll'],
    ['Pan', ['t'], 'tool', 'Pan'],
    ['Zoom', ['z'], 'tool', 'Zoom'],
    ['Magnify', ['G'], 'tool', 'Magnify'],
  ],
  Measure: [
    ['Length', ['d'], 'tool', 'Length'],
    ['Angle', ['a'], 'tool', 'Angle'],
    ['Cobb angle', ['A'], 'tool', 'CobbAngle'],
    ['Bidirectional', ['u'], 'tool', 'Bidirectional'],
    ['Rectangle', ['b'], 'tool', 'RectangleROI'],
    ['Ellipse', ['e'], 'tool', 'EllipticalROI'],
    ['Freehand', ['o'], 'tool', 'PlanarFreehandROI'],
    ['Probe', ['p'], 'tool', 'Probe'],
    ['Arrow with text', ['l'], 'tool', 'ArrowAnnotate'],
    ['Remove what is selected', ['Delete', 'Backspace'], 'removeMeasurement'],
    ['Key image or not', ['k'], 'keyImage'],
    ['Undo', ['Ctrl+z'], 'undo'],
    ['Redo', ['Ctrl+y', 'Ctrl+Shift+z'], 'redo'],
  ],
  Panes: [
    ['Next pane', [']'], 'nextPane'],
    ['Previous pane', ['['], 'previousPane'],
    ['One pane only, and back', ['Enter'], 'maximise'],
    ['Layout; then 1 to 9', ['q'], 'gridMenu'],
    ['Second window', ['D'], 'secondWindow'],
    ['Full screen', ['f'], 'fullScreen'],
    ['Scroll together', ['y'], 'link', 'scroll'],
    ['Same window, zoom and shift', ['Y'], 'link', 'presentation'],
    ['Reference lines', ['j'], 'link', 'lines'],
  ],
  'Three planes': [
    ['Three planes, and back', ['m'], 'mpr'],
    ['Crosshairs', ['x'], 'crosshairs'],
    ['Slab (MIP) or slice', ['X'], 'slab'],
    ['Thicker slab', ['}'], 'thicker'],
    ['Thinner slab', ['{'], 'thinner'],
  ],
  View: [
    ['Stop drawing; reset everything', ['Escape'], 'escape'],
    ['Window of the header', ['0'], 'defaultWindow'],
    ['Invert', ['n'], 'invert'],
    ['Rotate right', ['r'], 'rotateRight'],
    ['Rotate left', ['R'], 'rotateLeft'],
    ['Flip left and right', ['h'], 'flipHorizontal'],
    ['Flip up and down', ['v'], 'flipVertical'],
    ['Zoom in', ['+'], 'zoomIn'],
    ['Zoom out', ['-'], 'zoomOut'],
    ['Fit to the window', ['='], 'fit'],
    ['Text on or off', ['i'], 'overlay'],
    ['Header of the image', ['g'], 'panel', 'tags'],
    ['Print', ['P'], 'print'],
    ['This sheet', ['?'], 'help'],
  ],
};
const CAPS = {
  ' ': 'Space', Escape: 'Esc', PageDown: 'Page Down', PageUp: 'Page Up',
  ArrowDown: '↓', ArrowRight: '→', ArrowUp: '↑', ArrowLeft: '←',
  'Ctrl+z': 'Ctrl Z', 'Ctrl+y': 'Ctrl Y', 'Ctrl+Shift+z': 'Ctrl Shift Z',
};
const OWN_KEYS = 'input, select, textarea, dialog, [popover]';
const BESIDE_IMAGES = '#side, .document'; // where keys of an image would act on what is not looked at
const ACTIONS_BESIDE = new Set([
  'help', 'panel', 'tool', 'nextSeries', 'previousSeries', 'nextPane', 'previousPane', 'undo', 'redo', 'fullScreen',
]);
const SETTING = 'viewer-shortcuts-off';

const ACTIONS = new Map(
  Object.values(SHORTCUTS).flat().flatMap(([, keys, ...call]) => keys.map((key) => [key, call])),
);

/** @param sheet the dialog; its checkbox turns single keys off (WCAG 2.1.4) and is remembered */
export function listenToKeys(actions, sheet) {
  const toggle = sheet.querySelector('input[type=checkbox]');
  toggle.checked = !localStorage.getItem(SETTING);
  toggle.addEventListener('change', () => {
    if (toggle.checked) localStorage.removeItem(SETTING);
    else localStorage.setItem(SETTING, 'yes');
  });
  sheet.querySelector('[data-part=keys]').replaceChildren(...Object.entries(SHORTCUTS).map(section));
  document.addEventListener('keydown', (event) => {
    const { target } = event;
    if (!toggle.checked || (event.altKey && !isAltGraph(event))) return;
    if (sheet.open || target.closest(OWN_KEYS)) return;
    if (target.closest('button, a, summary') && [' ', 'Enter'].includes(event.key)) return;
    if (run(actions, event)) event.preventDefault();
  });
}

function run(actions, event) {
  const key = nameOf(event);
  const isBeside = Boolean(event.target.closest(BESIDE_IMAGES));
  if (/^[1-9]$/.test(key) && !isBeside) {
    actions.preset(Number(key) - 1);
    return true;
  }
  if (!ACTIONS.has(key)) return false;
  const [action, argument] = ACTIONS.get(key);
  if (isBeside && !ACTIONS_BESIDE.has(action)) return false;
  actions[action](argument);
  return true;
}

/** Many keyboards have brackets and braces on AltGr, which some systems tell as Ctrl and Alt. */
const isAltGraph = (event) => event.getModifierState('AltGraph');

/** As the table writes it; Command is to a Mac what Ctrl is to others. */
function nameOf(event) {
  const { key, shiftKey, ctrlKey, metaKey } = event;
  if ((ctrlKey || metaKey) && !isAltGraph(event)) return `Ctrl+${shiftKey ? 'Shift+' : ''}${key.toLowerCase()}`;
  return key.length > 1 ? key : caseByShift(event);
}

/** Caps lock must not turn "rotate right" into "rotate left". */
const caseByShift = ({ key, shiftKey }) =>
  shiftKey && /[a-z]/i.test(key) && ACTIONS.has(key.toUpperCase()) ? key.toUpperCase() : key.toLowerCase();

function section([title, rows]) {
  const names = rows.flatMap(([label, keys]) => [
    element('dt', { textContent: label }),
    element('dd', {}, ...keys.map(cap)),
  ]);
  return element('section', {}, element('h3', { textContent: title }), element('dl', {}, ...names));
}

function cap(key) {
  const name = CAPS[key] ?? (/^[A-Z]$/.test(key) ? `Shift ${key}` : key.length > 1 ? key : key.toUpperCase());
  return element('kbd', { textContent: name });
}
