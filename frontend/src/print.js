/** The printed page: the pictures of all panes with their text, whose they are, and when it was. */
import { tellAct } from './acts.js';
import { date, patientName, text } from './attributes.js';
import { snapshot } from './capture.js';
import { element } from './dom.js';

/** Made when the browser is about to print, whoever asked for it, and thrown away afterwards. */
export function preparePrinting({ viewer, messages }, mpr, sheet) {
  addEventListener('beforeprint', () => {
    sheet.replaceChildren(...(mpr.isOpen ? noPlanes() : page(viewer)));
    if (!mpr.isOpen) tellPrint(viewer, messages);
  });
  addEventListener('afterprint', () => sheet.replaceChildren());
}

/** Else the images behind the planes would be taken for them. */
const noPlanes = () => [
  node('h1', 'The three planes cannot be printed'),
  node('p', 'Go back to the images (M) and print those.'),
];

/** Printing waits for nobody, so that it failed can only be said. */
function tellPrint(viewer, messages) {
  const studies = new Set(printed(viewer).map(({ series }) => series.study.uid));
  Promise.all([...studies].map((uid) => tellAct(uid, 'print'))).catch(() =>
    messages.notice('The portal could not note that this was printed. Tell whoever looks after it.'),
  );
}

const printed = ({ panes }) =>
  panes.filter(({ element }) => element.dataset.state === 'shown' && !element.hasAttribute('data-hidden'));

function page(viewer) {
  const panes = printed(viewer);
  const figures = node('div', '', 'figures');
  figures.dataset.columns = viewer.maximised ? 1 : viewer.columns;
  figures.append(...panes.map(figure));
  const line = `Printed ${new Date().toLocaleString()}. Not for diagnosis.`;
  return [...heading(viewer.active), figures, node('p', line)];
}

function heading({ frame }) {
  if (!frame) return [node('h1', 'No picture')];
  const { instance } = frame;
  const born = date(instance, '00100030');
  const study = [text(instance, '00081030'), date(instance, '00080020'), text(instance, '00080050')];
  return [
    node('h1', [patientName(instance), text(instance, '00100020'), born && `born ${born}`].filter(Boolean).join(', ')),
    node('p', study.filter(Boolean).join(', ')),
  ];
}

/** The drawings are laid over as they are: making pictures of them takes time that printing does not give. */
function figure(pane) {
  const picture = node('div', '', 'printed');
  const { picture: lowest, drawings, words } = snapshot(pane, { withPatient: true });
  picture.append(lowest, ...drawings, words);
  const parts = ['patient', 'study', 'image', 'window'].map((part) => `[data-overlay=${part}]`);
  const lines = [...parts, '.other-study', '.mismatch h2']
    .map((selector) => pane.element.querySelector(selector)?.textContent)
    .filter(Boolean);
  return element('figure', {}, picture, node('figcaption', lines.join('\n').replaceAll('\n', ' · ')));
}

const node = (name, textContent, className = '') => element(name, { textContent, className });
