/** Which series is open, and what is said when something of it cannot be shown.
 *
 * Fires `series` when another series is chosen or loaded, `instance` with the header of what the
 * page is about, `view` when the picture or its presentation has changed, `cine` on play and pause.
 * `data-state` of the page element is loading, shown or error; with it go `data-image-index`
 * (from 1), `data-image-count` and `data-sop-instance-uid`.
 */
import { text } from './attributes.js';
import { Cine } from './cine.js';
import { loadDisplaySet } from './displaysets.js';
import { button, downloadLink, reloadButton, signInLink } from './messages.js';
import { Overlay } from './overlay.js';
import { explainFailure, explainFrame } from './reasons.js';
import { Stack } from './stack.js';

const LISTED = 12; // download links of a series without images

export class Viewer extends EventTarget {
  #page;
  #messages;
  #overlay;
  #request = new AbortController();
  #isLost = false; // the graphics context, and with it every picture of this page

  seriesList = [];
  series = undefined;

  /** @param {HTMLElement} page holds the picture, its text and the message over it */
  constructor(page, messages) {
    super();
    this.#page = page;
    this.#messages = messages;
    this.#overlay = new Overlay(page);
    this.stack = new Stack(page.querySelector('#picture'), this);
    this.cine = new Cine(this.stack, () => this.dispatchEvent(new Event('cine')));
  }

  /** Open the first series of the list that has images; where none has, say what there is. */
  async openFirst() {
    for (const series of this.seriesList.filter(({ kind }) => !kind)) {
      await this.open(series);
      if (this.series !== series || this.stack.frames.length) return;
    }
    if (this.seriesList.length) await this.open(this.seriesList[0]);
    else this.#cover('error', 'This study has no series.');
  }

  openNeighbour(step) {
    const series = this.seriesList[this.seriesList.indexOf(this.series) + step];
    if (series) this.open(series);
  }

  async open(series) {
    if (this.#isLost || (series === this.series && this.#page.dataset.state !== 'error')) return;
    this.#close();
    this.series = series;
    const { signal } = this.#request;
    this.dispatchEvent(new Event('series'));
    this.#cover('loading', 'Loading…');
    try {
      series.displaySet ??= await loadDisplaySet(series, signal);
    } catch (error) {
      if (!signal.aborted) this.#failSeries(error);
      return;
    }
    if (signal.aborted) return;
    const { frames } = series.displaySet;
    this.dispatchEvent(new Event('series'));
    if (frames.length) this.stack.open(frames, Math.floor((frames.length - 1) / 2));
    else this.#explainNoImages(series.displaySet);
  }

  onLoading() {
    if (this.stack.shown === undefined) this.#cover('loading', 'Loading…');
    else this.#tell('loading'); // the last frame stays in view, named by its own text
  }

  onShown() {
    this.#messages.uncover();
    this.#tell('shown');
    this.#name(this.stack.frame.instance);
    this.onChanged();
  }

  onChanged() {
    this.#overlay.draw(this.stack);
    this.dispatchEvent(new Event('view'));
  }

  onFailed(error) {
    this.cine.stop();
    const { instance } = this.stack.frame;
    this.#name(instance);
    const [series, uid] = [text(instance, '0020000E'), text(instance, '00080018')];
    const actions =
      error.status === 401
        ? [signInLink()]
        : [button('Try again', () => this.stack.retry()), downloadLink(series, uid)];
    const position = `Image ${this.stack.wanted + 1} of ${this.stack.frames.length} cannot be shown`;
    this.#cover('error', position, explainFrame(error, instance), actions);
  }

  /** The graphics card took back its memory: nothing on the screen is to be trusted. */
  onContextLost() {
    this.#isLost = true;
    this.#close();
    const advice = 'The graphics driver was reset, or another page needed its memory.';
    this.#cover('error', 'The picture was lost', advice, [reloadButton()]);
  }

  #close() {
    this.#request.abort();
    this.#request = new AbortController();
    this.cine.stop();
    this.stack.close();
  }

  #failSeries(error) {
    const reason = explainFailure(error);
    const again = error.status === 401 ? signInLink() : button('Try again', () => this.open(this.series));
    this.#cover('error', 'This series cannot be loaded', reason, [again]);
  }

  #explainNoImages({ series, other }) {
    if (other.length) this.#name(other[0]);
    const links = other.slice(0, LISTED).map((instance, index) =>
      downloadLink(series.uid, text(instance, '00080018'), `Download object ${index + 1}`));
    const kind = series.kind ?? `Modality ${series.modality}`;
    this.#cover('error', kind, 'These objects hold no image to show here.', links);
  }

  #name(instance) {
    this.dispatchEvent(new CustomEvent('instance', { detail: instance }));
  }

  #cover(state, ...message) {
    this.#messages.cover(...message);
    this.#tell(state);
  }

  #tell(state) {
    const { frame, frames, wanted } = this.stack;
    const { dataset } = this.#page;
    dataset.imageIndex = frame ? wanted + 1 : 0;
    dataset.imageCount = frames.length;
    dataset.sopInstanceUid = frame ? text(frame.instance, '00080018') : '';
    dataset.state = state;
  }
}
