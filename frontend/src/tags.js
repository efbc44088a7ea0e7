/** The header of the shown instance as a table that can be searched: panel `tags`. */
import { getJson } from './api.js';
import { element } from './dom.js';
import { button } from './messages.js';

const PATH = '/api/dicom/dictionary/';
const MAXIMUM_ROWS = 1500; // more would make the page slow; a search finds the others
const SETTLE_MS = 150; // while somebody types or scrolls

export class Tags {
  #viewer;
  #panels;
  #search;
  #count;
  #body;
  #names; // tag → [name, keyword], once they have arrived
  #rows = [];
  #timer;

  /** @param {HTMLElement} panel */
  constructor(panel, { viewer, panels, messages }) {
    this.#viewer = viewer;
    this.#panels = panels;
    this.#search = panel.querySelector('input');
    this.#count = panel.querySelector('[data-part=count]');
    this.#body = panel.querySelector('tbody');
    panel.querySelector('[data-part=copy]').append(button('Copy what is listed', () => this.#copy(messages)));
    this.#search.addEventListener('input', () => this.#soon());
    panels.addEventListener('panel', () => this.#soon());
    for (const type of ['instance', 'active', 'series']) viewer.addEventListener(type, () => this.#soon());
  }

  #soon() {
    clearTimeout(this.#timer);
    if (this.#panels.opened === 'tags') this.#timer = setTimeout(() => this.#show(), SETTLE_MS);
  }

  async #show() {
    this.#names ??= await loadNames();
    const { frame, series } = this.#viewer.active;
    const instance = frame?.instance ?? series?.displaySet?.other[0];
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = instance ? rowsOf(instance, this.#names) : [];
    this.#rows = all.filter(({ searched }) => words.every((word) => searched.includes(word)));
    const shown = this.#rows.slice(0, MAXIMUM_ROWS);
    this.#body.replaceChildren(...shown.map(draw));
    const more = this.#rows.length > shown.length ? `, the first ${shown.length} are listed` : '';
    this.#count.textContent = instance ? `${this.#rows.length} of ${all.length} elements${more}` : 'No header';
  }

  async #copy(messages) {
    const lines = this.#rows.map((row) => [row.tag, row.vr, row.name, row.value].join('\t'));
    try {
      await navigator.clipboard.writeText(lines.join('\n'));
      messages.notice(`${lines.length} elements were copied.`);
    } catch {
      messages.notice('The browser does not let this page use the clipboard.');
    }
  }
}

/** The dictionary of the server; without it the tags are numbers, and all else is there. */
async function loadNames() {
  const entries = await getJson(PATH).catch(() => ({}));
  const repeating = Object.entries(entries)
    .filter(([tag]) => tag.includes('x'))
    .map(([tag, names]) => [new RegExp(`^${tag.replaceAll('x', '[0-9A-F]')}$`), names]);
  return (tag) => entries[tag] ?? repeating.find(([pattern]) => pattern.test(tag))?.[1];
}

/** All elements in the order of their tags, those of items below their sequence. */
function rowsOf(dataset, namesOf, depth = 0) {
  const tags = Object.keys(dataset).filter((tag) => /^[0-9A-F]{8}$/.test(tag)).sort();
  return tags.flatMap((tag) => {
    const element = dataset[tag];
    const row = describe(tag, element, wordsFor(tag, dataset, namesOf), depth);
    if (element.vr !== 'SQ') return [row];
    const items = (element.Value ?? []).flatMap((item, index) => [
      describe('', { vr: '' }, [`Item ${index + 1}`, ''], depth + 1),
      ...rowsOf(item, namesOf, depth + 2),
    ]);
    return [row, ...items];
  });
}

/** Name and keyword; a private element is named by who reserved its block (PS3.5 7.8.1). */
function wordsFor(tag, dataset, namesOf) {
  if (parseInt(tag[3], 16) % 2 === 0) return namesOf(tag) ?? ['', ''];
  if (tag.startsWith('00', 4)) return ['Private creator', ''];
  const creator = dataset[`${tag.slice(0, 4)}00${tag.slice(4, 6)}`]?.Value?.[0];
  return [`Private${creator ? ` (${creator})` : ''}`, ''];
}

function describe(tag, element, [name, keyword], depth) {
  const value = valueText(element);
  const written = tag && `(${tag.slice(0, 4)},${tag.slice(4)})`;
  const searched = [tag, written, element.vr, name, keyword, value].join(' ').toLowerCase();
  return { tag: written, vr: element.vr, name, keyword, value, depth, searched };
}

function valueText({ vr, Value, InlineBinary, BulkDataURI }) {
  if (vr === 'SQ') return `${Value?.length ?? 0} items`;
  if (InlineBinary !== undefined) return `${Math.floor((InlineBinary.length * 3) / 4)} bytes`;
  if (BulkDataURI !== undefined) return 'long, kept in the object';
  return (Value ?? []).map(oneValue).join('\\');
}

function oneValue(value) {
  if (value === null) return '';
  if (typeof value !== 'object') return String(value);
  const groups = [value.Alphabetic, value.Ideographic, value.Phonetic].map((group) => group ?? '');
  return groups.join('=').replace(/=+$/, '');
}

function draw({ tag, vr, name, keyword, value, depth }) {
  const cells = [[tag], [vr], [name, keyword], [value]].map(([textContent, title]) =>
    element('td', title ? { textContent, title } : { textContent }));
  const row = element('tr', {}, ...cells);
  row.dataset.depth = Math.min(depth, 8);
  return row;
}
