/** The grid of panes: which there are, which is active, and what is opened where.
 *
 * Fires what its panes fire (see pane.js), with the pane as `detail.pane` and the pane's own detail
 * as `detail.value`; `active` when another pane is, `grid` when the cells or the maximised one change.
 */
import { Pane } from './pane.js';

const PANE_EVENTS = ['series', 'instance', 'view', 'cine', 'state'];
const MAXIMUM = 3; // rows, and columns

export class Viewer extends EventTarget {
  #page;
  #grid;

  seriesList = [];
  panes = [];
  active = undefined;
  maximised = undefined;
  rows = 0;
  columns = 0;

  /** @param {HTMLElement} page says what the active pane shows; it holds the grid */
  constructor(page, study) {
    super();
    this.study = study;
    this.#page = page;
    this.#grid = page.querySelector('#grid');
    for (const type of ['pointerdown', 'focusin']) {
      this.#grid.addEventListener(type, ({ target }) => this.activate(this.paneOf(target)), true);
    }
    this.#grid.addEventListener('dblclick', ({ target }) => this.maximise(this.paneOf(target)));
    this.setGrid(1, 1);
    this.activate(this.panes[0]);
  }

  /** The pane that holds a node of the page. */
  paneOf(node) {
    const element = node.closest?.('.pane');
    return this.panes.find((pane) => pane.element === element);
  }

  /** So many cells; those that stay keep what they show. */
  setGrid(rows, columns) {
    [this.rows, this.columns] = [rows, columns].map((n) => Math.max(1, Math.min(MAXIMUM, n)));
    this.#setMaximised(undefined);
    const count = this.rows * this.columns;
    while (this.panes.length > count) this.panes.pop().destroy();
    while (this.panes.length < count) this.#addPane();
    this.#grid.style.gridTemplate = `repeat(${this.rows}, minmax(0, 1fr)) / repeat(${this.columns}, minmax(0, 1fr))`;
    if (!this.panes.includes(this.active)) this.activate(this.panes[0]);
    this.dispatchEvent(new Event('grid'));
  }

  /** Open in the empty panes the series that none shows yet, in their order. */
  fill() {
    const shown = new Set(this.panes.map(({ series }) => series));
    const waiting = this.seriesList.filter((series) => !series.kind && !shown.has(series));
    for (const pane of this.panes.filter(({ series }) => !series)) {
      const next = waiting.shift();
      if (next) pane.open(next);
    }
  }

  activate(pane) {
    if (!pane || pane === this.active) return;
    this.active?.element.removeAttribute('data-active');
    this.active = pane;
    pane.element.dataset.active = '';
    this.#mirror();
    this.dispatchEvent(new CustomEvent('active', { detail: { pane } }));
  }

  activateNeighbour(step) {
    const { panes } = this;
    const next = panes[(panes.indexOf(this.active) + step + panes.length) % panes.length];
    this.activate(next);
    next.element.querySelector('.picture').focus({ preventScroll: true });
  }

  /** Give one pane the whole place, or give the others theirs back. */
  maximise(pane) {
    if (!pane || this.panes.length < 2) return;
    this.#setMaximised(this.maximised === pane ? undefined : pane);
    this.activate(pane);
    this.dispatchEvent(new Event('grid'));
  }

  open(series, pane = this.active, at = {}) {
    this.activate(pane);
    return pane.open(series, at);
  }

  /** Open the first series of the list that has images; where none has, say what there is. */
  async openFirst() {
    const pane = this.active;
    for (const series of this.seriesList.filter(({ kind }) => !kind)) {
      await pane.open(series);
      if (pane.series !== series || pane.stack.frames.length) return;
    }
    if (this.seriesList.length) await pane.open(this.seriesList[0]);
    else pane.cover('error', 'This study has no series.');
  }

  openNeighbour(step) {
    const list = this.active.series?.study.seriesList ?? this.seriesList; // that of a prior, if it is one
    const series = list[list.indexOf(this.active.series) + step];
    if (series) this.open(series);
  }

  closeAll() {
    for (const pane of this.panes) pane.close();
  }

  /** Some context is gone; perhaps only that of a pane which is no more. */
  onContextLost() {
    for (const pane of this.panes.filter(({ stack }) => stack.isLost)) pane.onContextLost();
  }

  #addPane() {
    const pane = new Pane(this.panes.length + 1);
    for (const type of PANE_EVENTS) {
      pane.addEventListener(type, ({ detail }) => {
        if (pane === this.active && type === 'state') this.#mirror();
        this.dispatchEvent(new CustomEvent(type, { detail: { pane, value: detail } }));
      });
    }
    this.panes.push(pane);
    this.#grid.append(pane.element);
    pane.start();
  }

  #setMaximised(pane) {
    this.maximised = pane;
    this.#grid.toggleAttribute('data-maximised', Boolean(pane));
    for (const one of this.panes) one.element.toggleAttribute('data-hidden', Boolean(pane) && one !== pane);
  }

  #mirror() {
    const { state, imageIndex, imageCount, sopInstanceUid } = this.active.element.dataset;
    Object.assign(this.#page.dataset, { state, imageIndex, imageCount, sopInstanceUid });
  }
}
