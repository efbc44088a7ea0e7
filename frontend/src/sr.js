/** Reports, key object selections and headers as the server words them. */
import { text } from './attributes.js';
import { element } from './dom.js';
import { signInLink } from './messages.js';
import { explainFailure } from './reasons.js';
import { RequestError } from './dicomweb.js';

export function pageNode(series, instance) {
  const node = element('div', { className: 'page', textContent: 'Loading…' });
  fetchArticle(series, text(instance, '00080018')).then(
    (article) => node.replaceChildren(...article.childNodes),
    (error) => {
      const actions = error.status === 401 ? [signInLink()] : [];
      node.replaceChildren(element('p', { textContent: `It cannot be shown. ${explainFailure(error)}` }), ...actions);
    },
  );
  node.addEventListener('click', followInViewer);
  return node;
}

async function fetchArticle(series, uid) {
  const address = `/studies/${series.study.uid}/documents/${series.uid}/${uid}/`;
  const response = await fetch(address, { headers: { Accept: 'text/html' } }).catch(() => {
    throw new RequestError(0);
  });
  if (response.redirected) throw new RequestError(401); // to the sign-in
  if (!response.ok) throw new RequestError(response.status);
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  return document.adoptNode(page.querySelector('article.document'));
}

/** A link to an image of this study opens it in the viewer; others leave the page, as links do. */
function followInViewer(event) {
  const target = event.target.closest('a[data-sop-instance-uid]');
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid, frame } = target?.dataset ?? {};
  if (studyInstanceUid !== document.body.dataset.studyInstanceUid) return;
  event.preventDefault();
  const detail = { seriesInstanceUid, sopInstanceUid, frame: Number(frame) };
  target.dispatchEvent(new CustomEvent('open-image', { bubbles: true, detail }));
}
