/** Encapsulated PDF documents (PS3.3 A.45.1), shown by the browser's own reader; files of other kinds to save. */
import { text } from './attributes.js';
import { instanceUrl } from './dicomweb.js';
import { element } from './dom.js';
import { link } from './messages.js';

const PDF = '1.2.840.10008.5.1.4.1.1.104.1';
const OTHERS = {
  '1.2.840.10008.5.1.4.1.1.104.2': 'CDA document (XML)',
  '1.2.840.10008.5.1.4.1.1.104.3': '3D model (STL)',
  '1.2.840.10008.5.1.4.1.1.104.4': '3D model (OBJ)',
  '1.2.840.10008.5.1.4.1.1.104.5': 'Material of a 3D model (MTL)',
};
const EXTENSIONS = { 'application/pdf': 'pdf', 'text/xml': 'xml', 'model/stl': 'stl', 'model/obj': 'obj' };

export const isPdf = (instance) => text(instance, '00080016') === PDF || text(instance, '00080016') in OTHERS;

export function pdfNode(series, instance) {
  const uid = text(instance, '00080018');
  const file = `/studies/${series.study.uid}/documents/${series.uid}/${uid}/file/`;
  const extension = EXTENSIONS[text(instance, '00420012')] ?? 'bin';
  const save = link('Save the document', file, { download: `${uid}.${extension}`, className: 'document-link' });
  const title = text(instance, '00420010') || 'Document';
  const kind = OTHERS[text(instance, '00080016')];
  if (kind) return sentence(`${kind}: ${title}. It is not shown here.`, save);
  if (navigator.pdfViewerEnabled === false) {
    return sentence('This browser shows no PDF inside a page.', save);
  }
  const node = element('div', { className: 'fill' });
  showPdf(node, `${instanceUrl(series.study.uid, series.uid, uid)}/rendered?accept=application/pdf`, title, save);
  return node;
}

/** The server is asked first: what is no PDF would leave the frame blank. */
async function showPdf(node, address, title, save) {
  const answer = await fetch(address, { headers: { Range: 'bytes=0-0' } }).catch(() => undefined);
  if (answer?.ok) {
    node.replaceChildren(element('iframe', { src: address, title }));
    return;
  }
  const reason = await answer?.json().then(({ error }) => error, () => undefined);
  node.replaceChildren(sentence(reason ?? 'The document cannot be loaded.', save));
}

const sentence = (words, ...actions) => element('div', {}, element('p', { textContent: words }), ...actions);
