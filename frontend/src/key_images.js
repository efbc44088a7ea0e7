/** Which images are marked as key images: in the panes, in the rail, and by key. */
import { text } from './attributes.js';

/** What a mark is of: an image, and its frame where it has several. */
function markOf({ instance, frame, frameCount, series }) {
  return {
    study_instance_uid: series.study.uid,
    series_instance_uid: series.uid,
    sop_instance_uid: text(instance, '00080018'),
    frame: frameCount > 1 ? frame : null,
  };
}

const keyOf = ({ sop_instance_uid: uid, frame }) => `${uid}/${frame ?? ''}`;

export class KeyImages {
  #viewer;
  #own = new Map(); // key → mark
  #others = new Map();

  constructor(viewer) {
    this.#viewer = viewer;
    for (const type of ['state', 'view']) {
      viewer.addEventListener(type, ({ detail }) => this.#show(detail.pane));
    }
  }

  get own() {
    return [...this.#own.values()];
  }

  set own(marks) {
    this.#own = new Map(marks.map((mark) => [keyOf(mark), mark]));
    this.#showAll();
  }

  get all() {
    return [...new Map([...this.#others, ...this.#own]).values()];
  }

  set others(marks) {
    this.#others = new Map(marks.map((mark) => [keyOf(mark), mark]));
    this.#showAll();
  }

  /** Mark what the active pane shows, or take the mark away. @returns whether anything changed */
  toggle() {
    const { frame, stack } = this.#viewer.active;
    if (!frame || stack.isLoading) return false;
    const mark = markOf(frame);
    if (!this.#own.delete(keyOf(mark))) this.#own.set(keyOf(mark), mark);
    this.#showAll();
    return true;
  }

  isOwn = (mark) => this.#own.has(keyOf(mark));

  remove(mark) {
    this.#own.delete(keyOf(mark));
    this.#showAll();
  }

  #showAll() {
    this.#viewer.panes.forEach((pane) => this.#show(pane));
    for (const tile of document.querySelectorAll('nav [data-series-instance-uid]')) this.#count(tile);
  }

  #show({ element, frame, stack }) {
    const marked = frame && !stack.isLoading ? this.#markedBy(frame) : '';
    const label = element.querySelector('.key-mark');
    label.textContent = marked;
    label.hidden = !marked;
  }

  #markedBy(frame) {
    const marks = [keyOf(markOf(frame)), keyOf({ ...markOf(frame), frame: null })]; // or all its frames
    if (marks.some((key) => this.#own.has(key))) return '★ Key image';
    return marks.some((key) => this.#others.has(key)) ? '☆ Key image of another reader' : '';
  }

  #count(tile) {
    const uid = tile.dataset.seriesInstanceUid;
    const count = this.all.filter((mark) => mark.series_instance_uid === uid).length;
    const line = tile.querySelector('.keys') ?? tile.appendChild(Object.assign(document.createElement('span'), { className: 'keys' }));
    line.textContent = count ? `★ ${count} key image${count === 1 ? '' : 's'}` : '';
  }
}
