/** Whether two headers are of one person, and the banner over a pane where they are not. */
import { patientName, readableName, text, value } from './attributes.js';
import { element } from './dom.js';
import { button } from './messages.js';

/** @returns {{ id, issuer, name, birthDate, readable }} who the image is of, as its header says */
export function identityOf(instance) {
  const { Alphabetic = '', Ideographic = '' } = value(instance, '00100010') ?? {};
  return {
    id: text(instance, '00100020'),
    issuer: text(instance, '00100021'),
    name: Alphabetic || Ideographic,
    birthDate: text(instance, '00100030').replaceAll('.', ''),
    readable: patientName(instance),
  };
}

/** Who the page was opened for, as the archive's index says; from attributes of the page. */
export function identityOfPage({ patientId, issuerOfPatientId, patientName: name, patientBirthDate }) {
  return {
    id: patientId.trim(),
    issuer: issuerOfPatientId.trim(),
    name: name.trim(),
    birthDate: patientBirthDate.trim(),
    readable: readableName(name) || 'No patient name',
  };
}

/**
 * What of two identities differs, in words; empty where they are of one person.
 *
 * What only one of them knows contradicts nothing, but for the Patient ID. Case, accents and empty
 * components of a name do not count: one person is written so by one modality and so by another.
 */
export function differences(one, other) {
  const differ = (key, fold = (content) => content) =>
    one[key] && other[key] && fold(one[key]) !== fold(other[key]);
  return [
    one.id !== other.id && 'Patient ID',
    differ('issuer') && 'issuer of the Patient ID',
    differ('name', foldName) && 'name',
    differ('birthDate') && 'birth date',
  ].filter(Boolean);
}

const foldName = (name) =>
  name.normalize('NFKD').replace(/\p{M}/gu, '').toUpperCase().split(/[\s^]+/).filter(Boolean).join(' ');

export const whose = ({ readable, id, issuer, birthDate }) =>
  [
    readable,
    `ID ${id || 'not stated'}${issuer ? ` (${issuer})` : ''}`,
    birthDate && `born ${birthDate.replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3')}`,
  ].filter(Boolean).join(', ');

/**
 * The banner that hides the picture of another person until the reader has seen it, and then stays
 * above the picture.
 */
function makeBanner(page, shown, differing, onSeen) {
  const banner = element('section', { className: 'mismatch' });
  banner.setAttribute('role', 'alert');
  const title = element('h2', { textContent: 'Another patient' });
  banner.append(
    title,
    paragraph(`These images: ${whose(shown)}`),
    paragraph(`This page: ${whose(page)}`),
    paragraph(`They differ in ${differing.join(', ')}.`),
    button('Show the images nevertheless', (event) => {
      event.target.remove();
      banner.classList.add('seen');
      onSeen();
    }),
  );
  return banner;
}

const paragraph = (textContent) => element('p', { textContent });

/** Keeps the banner over every pane that shows somebody else than the page's patient. */
export function guardIdentity(viewer, page) {
  const banners = new WeakMap(); // pane → whom its banner names, and the banner
  const remove = (pane) => {
    banners.get(pane)?.banner.remove();
    banners.delete(pane);
  };
  viewer.addEventListener('series', ({ detail }) => remove(detail.pane));
  viewer.addEventListener('instance', ({ detail: { pane, value: instance } }) => {
    const shown = identityOf(instance);
    const differing = differences(page, shown);
    const key = JSON.stringify(shown);
    if (differing.length && banners.get(pane)?.key === key) return; // as it was read, or not yet
    remove(pane);
    if (!differing.length) return;
    const banner = makeBanner(page, shown, differing, () => pane.dispatchEvent(new Event('state')));
    banners.set(pane, { key, banner });
    pane.element.append(banner);
  });
}
