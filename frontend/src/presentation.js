/** Keeps how a reader leaves a study, and gives it back: grid, series, slice, window, zoom, turns. */
import { text } from './attributes.js';

const VERSION = 1;
const SAVE_MS = 1500; // after the last change
const MAX_SERIES = 100; // about 25 kB; the server takes 64 KiB, as do browsers on leaving a page

const rounded = (amount) => Math.round(amount * 1e4) / 1e4;

export class PresentationKeeper {
  #viewer;
  #send;
  #views = new Map(); // series UID → how it was shown, the last one last
  #shown = new WeakMap(); // pane → how it shows its series, which another may show as well
  #pending = new WeakMap(); // pane → its series, and the view that waits for its first picture
  #hasActed = false; // nothing is kept of a study that somebody only looked at
  #saved = '';
  #timer;
  #sending = Promise.resolve();

  /** @param send (state, keepalive) → promise; keeps the state on the server */
  constructor(viewer, send) {
    this.#viewer = viewer;
    this.#send = send;
    viewer.addEventListener('series', ({ detail }) => this.#prepare(detail.pane));
    viewer.addEventListener('view', ({ detail }) => this.#note(detail.pane));
    viewer.addEventListener('grid', () => this.#schedule());
    for (const type of ['pointerdown', 'keydown', 'wheel']) {
      document.addEventListener(type, () => (this.#hasActed = true), { capture: true, passive: true });
    }
    document.addEventListener('save-work', () => this.save());
    addEventListener('pagehide', () => this.save({ keepalive: true }));
  }

  /** What was kept, undefined where it is of no use. The views of its series are remembered. */
  take(state) {
    if (state?.version !== VERSION || !Array.isArray(state.cells)) return undefined;
    this.#views = new Map(Object.entries(state.views ?? {}));
    return state;
  }

  /** Open a series as a cell of the kept state showed it. */
  async openAs(pane, series, view) {
    if (view) this.#pending.set(pane, { series, view });
    await pane.open(series, view);
  }

  /** Forget what was seen so far; resolves once nothing more of it is on its way to the server. */
  async forget() {
    clearTimeout(this.#timer);
    this.#views.clear();
    this.#shown = new WeakMap();
    this.#pending = new WeakMap();
    this.#hasActed = false;
    this.#saved = '';
    await this.#sending;
  }

  async save({ keepalive = false } = {}) {
    clearTimeout(this.#timer);
    if (!this.#hasActed) return;
    const state = this.#state();
    const said = JSON.stringify(state);
    if (said === this.#saved) return;
    this.#saved = said;
    this.#sending = this.#send(state, keepalive).catch(() => {
      this.#saved = ''; // the next change, or leaving the page, tries again
    });
    await this.#sending;
  }

  #schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), SAVE_MS);
  }

  #prepare(pane) {
    const { series } = pane;
    this.#shown.delete(pane);
    if (!series || this.#pending.get(pane)?.series !== series) {
      this.#pending.set(pane, { series, view: this.#views.get(series?.uid) });
    }
    this.#schedule();
  }

  #note(pane) {
    const { stack, series } = pane;
    if (!series || stack.shown === undefined) return;
    const { view } = this.#pending.get(pane) ?? {};
    this.#pending.delete(pane);
    if (view) applyView(stack, view);
    const described = pane.presentation ? placeOf(stack, this.#shown.get(pane)) : describeView(stack);
    this.#shown.set(pane, described);
    this.#views.delete(series.uid);
    this.#views.set(series.uid, described);
    this.#schedule();
  }

  #state() {
    const { rows, columns, panes, active } = this.#viewer;
    return {
      version: VERSION,
      rows,
      columns,
      active: panes.indexOf(active),
      cells: panes.map((pane) => this.#cell(pane)),
      views: Object.fromEntries([...this.#views].slice(-MAX_SERIES)),
    };
  }

  #cell(pane) {
    const { series } = pane;
    return series ? { study: series.study.uid, series: series.uid, view: this.#shown.get(pane) } : null;
  }
}

const whereabouts = ({ instance, frame }) => ({ sopInstanceUid: text(instance, '00080018'), frame });

/** While a presentation state is followed, the image is the reader's choice, its window and turns are not. */
const placeOf = ({ frame }, former = {}) => ({ ...former, ...whereabouts(frame) });

function describeView({ frame, viewport, transfer }) {
  const { rotation, zoom, pan, flipHorizontal, flipVertical } = viewport.getViewPresentation();
  const { voiRange, invert } = viewport.getProperties();
  return {
    ...whereabouts(frame),
    table: transfer.index,
    range: voiRange && [rounded(voiRange.lower), rounded(voiRange.upper)],
    invert: Boolean(invert),
    rotation: rounded(rotation),
    zoom: rounded(zoom),
    pan: pan.map(rounded),
    flips: [Boolean(flipHorizontal), Boolean(flipVertical)],
  };
}

function applyView({ viewport, transfer }, { table, range, invert, rotation, zoom, pan, flips }) {
  const isByTable = table !== undefined && transfer.choose(table);
  if (range && !isByTable) {
    transfer.leave();
    viewport.setProperties({ voiRange: { lower: range[0], upper: range[1] } });
  }
  if (zoom !== undefined) { // else it is known only where the reader was
    viewport.setProperties({ invert });
    viewport.setViewPresentation({
      rotation, zoom, pan, flipHorizontal: flips[0], flipVertical: flips[1],
    });
  }
  viewport.render();
}
