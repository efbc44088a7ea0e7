/** The printed page: the pictures of all panes with their text, whose they are, and when it was. */
import { date, patientName, text } from './attributes.js';
import { draw } from './capture.js';
import { element } from './dom.js';

/** Made when the browser is about to print, whoever asked for it, and thrown away afterwards. */
export function preparePrinting(viewer, sheet) {
  addEventListener('beforeprint', () => sheet.replaceChildren(...page(viewer)));
  addEventListener('afterprint', () => sheet.replaceChildren());
}

function page(viewer) {
  const panes = viewer.panes.filter(
    ({ element }) => element.dataset.state === 'shown' && !element.hasAttribute('data-hidden'),
  );
  const figures = node('div', '', 'figures');
  figures.dataset.columns = viewer.maximised ? 1 : viewer.columns;
  figures.append(...panes.map(figure));
  const printed = `Printed ${new Date().toLocaleString()}. Not for diagnosis.`;
  return [...heading(viewer.active), figures, node('p', printed)];
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

/** The measurements are laid over as they are: drawing them takes time that printing does not give. */
function figure(pane) {
  const picture = node('div', '', 'printed');
  picture.append(draw(pane, undefined, { withPatient: true }));
  const marks = pane.element.querySelector('.svg-layer')?.cloneNode(true);
  if (marks?.childElementCount) {
    const { width, height } = pane.element.getBoundingClientRect();
    marks.setAttribute('viewBox', `0 0 ${width} ${height}`);
    picture.append(marks);
  }
  const lines = ['patient', 'study', 'image', 'window'].map(
    (part) => pane.element.querySelector(`[data-overlay=${part}]`).textContent,
  );
  return element('figure', {}, picture, node('figcaption', lines.join('\n').replaceAll('\n', ' · ')));
}

const node = (name, textContent, className = '') => element(name, { textContent, className });
