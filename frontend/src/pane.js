/** One cell of the grid: a series as a stack of images or as a document, or a sentence why not.
 *
 * Fires `series` when another series is chosen or loaded, `instance` with the header of what the
 * cell is about, `view` when the picture or its presentation has changed, `cine` on play and pause,
 * `state` when what the element's data say has changed: `data-state` is empty, loading, shown,
 * document or error; with it go `data-image-index` (from 1), `data-image-count`,
 * `data-sop-instance-uid` and `data-series-instance-uid`: of the frame on the screen where it is
 * shown, else of the one that is wanted.
 */
import { text } from './attributes.js';
import { Cine } from './cine.js';
import { loadDisplaySet } from './displaysets.js';
import { documentFor } from './documents.js';
import { button, Cover, downloadLink, reloadButton, signInLink } from './messages.js';
import { Overlay } from './overlay.js';
import { explainFailure, explainFrame } from './reasons.js';
import { Stack } from './stack.js';

export class Pane extends EventTarget {
  #cover;
  #document;
  #overlay;
  #request = new AbortController();
  #isLost = false; // the graphics context, and with it the picture

  series = undefined;
  presentation = undefined; // the presentation state that the picture follows, instead of the reader

  constructor(number) {
    super();
    this.number = number;
    this.element = document.querySelector('#pane').content.firstElementChild.cloneNode(true);
    this.element.dataset.pane = number;
    this.#label();
    this.#cover = new Cover(this.element.querySelector('.cover'));
    this.#document = this.element.querySelector('.document');
    this.#overlay = new Overlay(this.element);
  }

  /** To be called once the element is on the page, which the viewport needs to know its size. */
  start() {
    this.stack = new Stack(this.element.querySelector('.picture'), this, `pane-${this.number}`);
    this.cine = new Cine(this.stack, () => this.dispatchEvent(new Event('cine')));
    this.cover('empty', '', this.number > 1 ? 'No series' : '');
  }

  destroy() {
    this.#forget();
    this.stack.destroy();
    this.element.remove();
  }

  get frame() {
    return this.stack.frame;
  }

  get viewport() {
    return this.stack.viewport;
  }

  /** Show a series, at its middle or at the image named by `index` or by UID and frame number. */
  async open(series, at = {}) {
    if (this.#isLost) return;
    const { state } = this.element.dataset;
    const isHidden = state === 'document' && series.displaySet?.frames.length; // behind a document of its own
    if (series === this.series && state !== 'error' && !isHidden) {
      this.#goTo(at);
      return;
    }
    this.#forget();
    this.series = series;
    this.#label();
    const { signal } = this.#request;
    this.dispatchEvent(new Event('series'));
    this.cover('loading', 'Loading…');
    try {
      series.displaySet ??= await loadDisplaySet(series, signal);
    } catch (error) {
      if (!signal.aborted) this.#failSeries(error);
      return;
    }
    if (signal.aborted) return;
    const { frames } = series.displaySet;
    this.dispatchEvent(new Event('series'));
    if (frames.length) this.stack.open(frames, indexOf(frames, at) ?? Math.floor((frames.length - 1) / 2));
    else this.#showNoImages(series.displaySet);
  }

  close() {
    this.#forget();
    this.series = undefined;
    this.#label();
    this.cover('empty', '', 'No series');
    this.dispatchEvent(new Event('series'));
  }

  /** Put a node in the place of the picture, with the header of what it shows. */
  showDocument(node, instance) {
    this.cine.stop();
    this.stack.close();
    this.#document.replaceChildren(node);
    this.#document.hidden = false;
    this.#cover.hide();
    this.#name(instance);
    this.#tell('document');
  }

  onLoading() {
    if (this.stack.shown === undefined) this.cover('loading', 'Loading…');
    else this.#tell('loading'); // the last frame stays in view, named by its own text
  }

  onShown() {
    this.#cover.hide();
    this.#tell(this.stack.isLoading ? 'loading' : 'shown');
    this.#name(this.frame.instance);
    this.onChanged();
  }

  onChanged() {
    this.#overlay.draw(this.stack);
    this.dispatchEvent(new Event('view'));
  }

  onFailed(error) {
    this.cine.stop();
    const { instance } = this.frame;
    this.#name(instance);
    const actions =
      error.status === 401
        ? [signInLink()]
        : [button('Try again', () => this.stack.retry()), downloadLink(this.series, text(instance, '00080018'))];
    const position = `Image ${this.stack.wanted + 1} of ${this.stack.frames.length} cannot be shown`;
    this.cover('error', position, explainFrame(error, instance), actions);
  }

  /** The graphics card took back its memory: nothing on the screen is to be trusted. */
  onContextLost() {
    this.#isLost = true;
    this.#forget();
    const advice = 'The graphics driver was reset, or another page needed its memory.';
    this.cover('error', 'The picture was lost', advice, [reloadButton()]);
  }

  cover(state, title, detail = '', actions = []) {
    this.#cover.show(title, detail, actions);
    this.#tell(state);
  }

  /** What readers who do not see the picture know the cell by. */
  get name() {
    const { modality, number: own, description } = this.series ?? {};
    return [`Pane ${this.number}`, [modality, own, description].filter(Boolean).join(' ')].filter(Boolean).join(', ');
  }

  #label() {
    this.element.setAttribute('aria-label', this.name);
  }

  #goTo(at) {
    const index = indexOf(this.stack.frames, at);
    if (index !== undefined) this.stack.goTo(index);
  }

  #forget() {
    this.#request.abort();
    this.#request = new AbortController();
    this.#document.replaceChildren();
    this.#document.hidden = true;
    this.cine.stop();
    this.stack.close();
  }

  #failSeries(error) {
    const { series } = this;
    const again = error.status === 401 ? signInLink() : button('Try again', () => this.open(series));
    this.cover('error', 'This series cannot be loaded', explainFailure(error), [again]);
  }

  #showNoImages(displaySet) {
    const [first] = displaySet.other;
    if (first) this.showDocument(documentFor(displaySet), first);
    else this.cover('error', displaySet.series.kind ?? 'Series', 'It holds no objects.');
  }

  #name(instance) {
    this.dispatchEvent(new CustomEvent('instance', { detail: instance }));
  }

  #tell(state) {
    const { frames, shown, wanted } = this.stack;
    const index = state === 'shown' ? shown : wanted;
    const frame = frames[index];
    Object.assign(this.element.dataset, {
      imageIndex: frame ? index + 1 : 0,
      imageCount: frames.length,
      sopInstanceUid: frame ? text(frame.instance, '00080018') : '',
      seriesInstanceUid: this.series?.uid ?? '',
      state,
    });
    this.dispatchEvent(new Event('state'));
  }
}

/** Index of the frame that `at` names, undefined where it names none of these. */
function indexOf(frames, { index, sopInstanceUid, frame = 1 }) {
  if (index !== undefined) return Math.max(0, Math.min(frames.length - 1, index));
  if (!sopInstanceUid) return undefined;
  const found = frames.findIndex(
    (one) => one.frame === frame && text(one.instance, '00080018') === sopInstanceUid,
  );
  return found < 0 ? undefined : found;
}
