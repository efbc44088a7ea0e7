/** What stands where when a study is opened: as the reader left it, else as its protocol hangs it. */
import { getJson, sendJson } from './api.js';
import { loadDisplaySet } from './displaysets.js';
import { assign, needsHeaders, trim } from './hanging.js';
import { PresentationKeeper } from './presentation.js';
import { describeStudy, labelPane, listOthers, seriesOf } from './priors.js';
import { explainFailure } from './reasons.js';

const LOOKED_INTO = 16; // series of a study of which the headers are asked for to find a view

export class Layout {
  #viewer;
  #messages;
  #keeper;
  #asked;
  #protocol;
  #others = new Map(); // UID → study

  prior = undefined; // the newest relevant one

  constructor({ viewer, messages }) {
    this.#viewer = viewer;
    this.#messages = messages;
    const path = `/api/studies/${viewer.study.uid}`;
    this.#keeper = new PresentationKeeper(viewer, (state, keepalive) =>
      sendJson('PUT', `${path}/presentation/`, state, { keepalive }));
    this.#asked = Promise.all([getJson(`${path}/hanging/`), getJson(`${path}/presentation/`)]);
    this.#asked.catch(() => {}); // told in open()
    viewer.addEventListener('series', ({ detail }) => labelPane(detail.pane, viewer.study));
  }

  /** The other studies of the patient, newest first. */
  get others() {
    return [...this.#others.values()];
  }

  /**
   * @param rail lists the series of other studies, below those of this one
   * @param linked a series that the address names: it is shown alone
   */
  async open(rail, linked) {
    const opened = linked && this.#viewer.open(linked);
    let answers;
    try {
      answers = await this.#asked;
    } catch {
      this.#messages.notice('Layout and other studies of the patient could not be loaded.');
      return opened ?? this.#viewer.openFirst();
    }
    const [hanging, state] = answers;
    this.#take(hanging, rail);
    const kept = this.#keeper.take(state);
    return opened ?? ((kept && (await this.#restore(kept))) || this.#hang());
  }

  /** Forget how the study was left, and hang it by its protocol. */
  async hangAnew() {
    await this.#keeper.forget();
    this.#viewer.closeAll();
    await this.#hang();
    await this.#keeper.forget(); // the closing and hanging are none of the reader's doing
    try {
      await sendJson('DELETE', `/api/studies/${this.#viewer.study.uid}/presentation/`);
    } catch (error) {
      this.#messages.notice(`The study will open again as it was left: ${explainFailure(error)}`);
    }
  }

  #take({ study, protocol, prior, others, has_more_others: hasMore }, rail) {
    this.#protocol = protocol;
    for (const json of others) this.#others.set(json.study_instance_uid, describeStudy(json, study));
    if (prior) {
      const { study_instance_uid: uid } = prior;
      if (!this.#others.has(uid)) this.#others.set(uid, describeStudy(prior, study));
      this.prior = this.#others.get(uid);
    }
    listOthers(document.querySelector('#others'), { others: this.others, hasMore, rail });
  }

  async #hang() {
    const viewer = this.#viewer;
    const { cells } = this.#protocol;
    const lists = { current: viewer.seriesList, prior: [] };
    const needsPrior = this.prior && cells.some(({ study }) => study === 'prior');
    if (needsPrior) this.#hangFirst(lists);
    const former = new Map(viewer.panes.map((pane) => [pane, pane.series]));
    if (needsPrior) lists.prior = await this.#seriesOfPrior();
    await loadHeaders(cells, lists);
    const { rows, columns, cells: hung, picks } = trim(this.#protocol, assign(cells, lists));
    if (!picks.some(Boolean)) return viewer.openFirst();
    this.#setGrid(rows, columns);
    viewer.activate(viewer.panes[0]);
    const panes = [...viewer.panes];
    for (const [index, pick] of picks.entries()) {
      const pane = panes[index];
      // The reader may meanwhile have taken it away, or opened something there.
      if (!viewer.panes.includes(pane) || pane.series !== former.get(pane)) continue;
      if (pick) await pane.open(pick.series, pick); // in their order: the first image first
      else pane.cover('empty', '', missing(hung[index]));
    }
    const [first] = viewer.panes;
    const showsNothing = viewer.panes.length === 1 && first.element.dataset.state === 'error';
    return showsNothing && !first.stack.frames.length ? viewer.openFirst() : undefined;
  }

  /** The first image need not wait for the list of the prior's series. */
  #hangFirst(lists) {
    const { rows, columns, cells } = this.#protocol;
    const [pick] = assign(cells.slice(0, 1), lists);
    if (!pick || cells[0].study === 'prior' || needsHeaders(cells)) return;
    this.#setGrid(rows, columns);
    this.#viewer.open(pick.series, this.#viewer.panes[0]);
  }

  /** What the page shows already, the preview among it, stays where the grid does. */
  #setGrid(rows, columns) {
    const viewer = this.#viewer;
    if (viewer.rows !== rows || viewer.columns !== columns) viewer.setGrid(rows, columns);
  }

  async #seriesOfPrior() {
    try {
      return await seriesOf(this.prior);
    } catch {
      this.#messages.notice(`The series of ${this.prior.label} could not be loaded.`);
      return [];
    }
  }

  /** @returns whether anything of it is still there */
  async #restore({ rows, columns, cells, active }) {
    const viewer = this.#viewer;
    const found = await Promise.all(cells.map((cell) => cell && this.#find(cell)));
    if (!found.some(Boolean)) return false;
    this.#setGrid(rows, columns);
    viewer.activate(viewer.panes[active] ?? viewer.panes[0]);
    for (const [index, series] of found.entries()) {
      const pane = viewer.panes[index];
      if (series && pane) await this.#keeper.openAs(pane, series, cells[index].view);
    }
    return true;
  }

  async #find({ study, series }) {
    if (study === this.#viewer.study.uid) return this.#viewer.seriesList.find(({ uid }) => uid === series);
    const other = this.#others.get(study);
    // A study that cannot be loaded now leaves its cell empty, as one that is gone.
    const list = other ? await seriesOf(other).catch(() => []) : [];
    return list.find(({ uid }) => uid === series);
  }
}

/** Views and planes stand in the headers only. What cannot be loaded is told by the pane that opens it. */
async function loadHeaders(cells, lists) {
  const asked = new Set(cells.filter((cell) => needsHeaders([cell])).map(({ study = 'current' }) => study));
  const series = [...asked].flatMap((study) =>
    lists[study].filter(({ kind }) => !kind).slice(0, LOOKED_INTO));
  await Promise.allSettled(series.map(async (one) => (one.displaySet ??= await loadDisplaySet(one))));
}

const missing = ({ laterality, view, plane, description } = {}) =>
  ['No image', laterality, view, plane, description].filter(Boolean).join(' ');

/** Keys of the menu of grids: after Q a digit for each of them, wherever the focus is by then. */
export function numberGrids(menu) {
  document.addEventListener('keydown', (event) => {
    const choice = menu.querySelectorAll('[data-action=grid]')[Number(event.key) - 1];
    if (!choice || !menu.matches(':popover-open')) return;
    event.preventDefault();
    event.stopPropagation();
    choice.click();
  }, { capture: true });
}

export const layoutActions = ({ layout, second, messages }) => ({
  gridMenu: () => document.querySelector('#menu-grid').showPopover(),
  hangAnew: () => layout.hangAnew(),
  secondWindow() {
    const study = layout.prior ?? layout.others[0];
    if (study) second.open(study);
    else messages.notice('The archive has no other study of this patient.');
  },
});
