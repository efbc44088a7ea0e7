/** What is shown of objects that are no images: for each kind the node in the place of the picture.
 *
 * A link to an image in such a node fires `open-image` on the node; see `connectDocuments`.
 */
import { text } from './attributes.js';
import { downloadUrl } from './dicomweb.js';
import { choice, element, field } from './dom.js';
import { waveformNode, isWaveform } from './ecg.js';
import { button, link } from './messages.js';
import { isSegmentation } from './segmentation.js';
import { isStructureSet } from './structure_set.js';
import { overlayNode } from './overlay_document.js';
import { isPdf, pdfNode } from './pdf.js';
import { isPresentationState, presentationNode } from './presentation_document.js';
import { pageNode } from './sr.js';
import { isVideo, videoNode } from './video.js';
import './documents.css';

/** The first that knows an object shows it; what none knows is its header, in words. */
const KINDS = [
  [isVideo, videoNode],
  [isPdf, pdfNode],
  [isWaveform, waveformNode],
  [isPresentationState, presentationNode],
  [isSegmentation, overlayNode],
  [isStructureSet, overlayNode],
  [() => true, pageNode],
];

/** The node for a series without images, with a choice where it holds several objects. */
export function documentFor({ series, frames, other }) {
  const body = element('div', { className: 'document-body' });
  const bar = element('div', { className: 'document-bar' });
  const title = [series.kind ?? series.modality, series.description].filter(Boolean).join(': ');
  const show = (index) => {
    const instance = other[index];
    const [, nodeOf] = KINDS.find(([knows]) => knows(instance));
    body.replaceChildren(nodeOf(series, instance));
    save.replaceWith((save = saveLink(series, instance)));
  };
  let save = element('span');
  bar.append(element('h2', { textContent: title }), save);
  if (frames.length) bar.append(button('Back to the images', () => bar.dispatchEvent(new CustomEvent('show-images', { bubbles: true }))));
  if (other.length > 1) {
    const options = other.map((instance, index) => [index, `${index + 1}: ${nameOf(instance)}`]);
    bar.append(field('Object', choice(options, 0, show)));
  }
  show(0);
  // Focusable, so that a long text scrolls by the keyboard.
  return element('article', { tabIndex: 0, ariaLabel: title }, bar, body);
}

function nameOf(instance) {
  const date = text(instance, '00080023').replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3');
  const label = text(instance, '00700081') || text(instance, '00420010') || text(instance, '00700080');
  return [label, date].filter(Boolean).join(', ') || `number ${text(instance, '00200013') || 'unknown'}`;
}

function saveLink(series, instance) {
  const uid = text(instance, '00080018');
  return link('Download DICOM file', downloadUrl(series.study.uid, series.uid, uid), {
    download: `${uid}.dcm`,
    className: 'document-link',
  });
}

/** Links of documents open images in the pane of the document; documents beside images are told of. */
export function connectDocuments({ viewer, root, messages }) {
  const told = new WeakSet(); // series
  viewer.addEventListener('series', ({ detail: { pane } }) => {
    const { series } = pane;
    const { frames = [], other = [] } = series?.displaySet ?? {};
    if (!frames.length || !other.length || told.has(series)) return;
    told.add(series);
    const show = button('Show them', () => pane.series === series && pane.showDocument(documentFor(series.displaySet), other[0]));
    messages.notice(`Beside its images, this series holds ${other.length} that ${other.length === 1 ? 'is none' : 'are none'}.`, [show]);
  });
  root.addEventListener('show-images', ({ target }) => {
    const pane = viewer.paneOf(target);
    const { series } = pane;
    pane.close();
    pane.open(series);
  });
  root.addEventListener('open-image', async ({ target, detail }) => {
    const pane = viewer.paneOf(target) ?? viewer.active;
    const series = viewer.seriesList.find(({ uid }) => uid === detail.seriesInstanceUid);
    if (!series) return;
    await viewer.open(series, pane, { sopInstanceUid: detail.sopInstanceUid, frame: detail.frame });
    pane.element.querySelector('.picture').focus({ preventScroll: true });
  });
}
