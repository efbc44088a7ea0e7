/** What the active pane tells the others: where it is, how it looks, and where it cuts them.
 *
 * `scroll` moves the others to the same place, `presentation` gives them the same window, zoom and
 * shift, `lines` draws the active image's plane on them. Fires `linking` when one is turned on or off.
 */
import { areComparable, dot, facing, middleOf, minus, planeOf, plus } from './geometry.js';
import { line, svg } from './svg.js';

export class Linking extends EventTarget {
  #viewer;
  #anchors = new WeakMap(); // pane → where it was when scrolling was tied: { frames, index, depth }

  on = { scroll: false, presentation: false, lines: true };

  constructor(viewer) {
    super();
    this.#viewer = viewer;
    viewer.addEventListener('view', ({ detail }) => {
      if (detail.pane === viewer.active) this.#lead();
      this.#drawLines();
    });
    for (const type of ['active', 'state', 'grid']) viewer.addEventListener(type, () => this.#drawLines());
  }

  toggle(name) {
    this.on[name] = !this.on[name];
    this.#anchors = new WeakMap();
    this.#lead();
    this.#drawLines();
    this.dispatchEvent(new Event('linking'));
  }

  #lead() {
    const { active } = this.#viewer;
    if (active.stack.shown === undefined) return;
    if (this.on.scroll) this.#anchor();
    for (const pane of this.#others()) {
      if (this.on.scroll) this.#bring(pane);
      if (this.on.presentation) present(active, pane);
    }
  }

  #others() {
    const { active, panes } = this.#viewer;
    return panes.filter((pane) => pane !== active && pane.stack.shown !== undefined);
  }

  /** Remember how the stacks stand to each other; anew when one of them has changed. */
  #anchor() {
    const panes = [this.#viewer.active, ...this.#others()];
    if (panes.every((pane) => this.#anchors.get(pane)?.frames === pane.stack.frames)) return;
    this.#anchors = new WeakMap();
    for (const pane of panes) {
      const { frames, shown } = pane.stack;
      this.#anchors.set(pane, { frames, index: shown, depth: planeOf(pane.frame)?.depth });
    }
  }

  #bring(pane) {
    const { active } = this.#viewer;
    const [from, to] = [planeOf(active.frame), planeOf(pane.frame)];
    const [start, end] = [this.#anchors.get(active), this.#anchors.get(pane)];
    if (!from || !to) return pane.stack.goTo(end.index + active.stack.shown - start.index);
    const direction = facing(from, to);
    if (!direction) return undefined; // one stack's images do not follow the other's
    const depth = areComparable(from, to)
      ? dot(middleOf(active.frame), to.normal)
      : end.depth + direction * (from.depth - start.depth);
    return pane.stack.goTo(nearest(pane.stack, depth));
  }

  #drawLines() {
    const { active, panes } = this.#viewer;
    for (const pane of panes) {
      const layer = pane.element.querySelector('.reference') ?? addLayer(pane.element);
      const isCut = this.on.lines && pane !== active && [pane, active].every(isShown);
      layer.replaceChildren(...(isCut ? cut(active.frame, pane) : []));
    }
  }
}

const isShown = ({ element, stack }) => element.dataset.state === 'shown' && stack.shown !== undefined;

/** Index of the frame nearest to a depth; of several there, as over time, the one nearest to the wanted. */
export function nearest({ frames, wanted }, depth) {
  const distances = frames.map((frame) => Math.abs((planeOf(frame)?.depth ?? Infinity) - depth));
  const least = Math.min(...distances) + 1e-3;
  const candidates = [...distances.keys()].filter((index) => distances[index] <= least);
  return candidates.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));
}

/** Window for windows of the same meaning only; zoom and shift as shares of the fitted picture. */
function present(from, to) {
  const [source, target] = [from.viewport, to.viewport];
  const areShades = [source, target].map((viewport) => Boolean(viewport.getCornerstoneImage()?.isDrawn));
  if (from.series.modality === to.series.modality && areShades[0] === areShades[1]) {
    const { voiRange, invert } = source.getProperties();
    const { index } = from.stack.transfer;
    const isByTable = index !== undefined && to.stack.transfer.choose(index);
    if (!isByTable) to.stack.transfer.leave();
    target.setProperties(isByTable ? { invert } : { voiRange, invert });
  }
  const { zoom, pan } = source.getViewPresentation();
  target.setViewPresentation({ zoom, pan });
  target.render();
}

/** The part of `pane`'s picture that lies in the image `frame`, as a line. */
function cut(frame, pane) {
  const [from, to] = [planeOf(frame), planeOf(pane.frame)];
  if (!areComparable(from, to) || facing(from, to)) return [];
  const heights = corners(from).map((corner) => ({ corner, height: dot(minus(corner, to.position), to.normal) }));
  const ends = heights.flatMap(({ corner, height }, index) => {
    const next = heights[(index + 1) % heights.length];
    if (height > 0 === next.height > 0) return [];
    return [plus(corner, minus(next.corner, corner), height / (height - next.height))];
  });
  return ends.length === 2 ? [line(...ends.map((end) => pane.viewport.worldToCanvas(end)))] : [];
}

function corners({ position, row, column, spacing, size }) {
  const [width, height] = [(size[1] - 1) * spacing[1], (size[0] - 1) * spacing[0]];
  const right = plus(position, row, width);
  return [position, right, plus(right, column, height), plus(position, column, height)];
}

function addLayer(element) {
  const layer = svg('reference');
  element.querySelector('.picture').after(layer); // under the text and the cover
  return layer;
}

export const linkingActions = ({ linking }) => ({ link: (name) => linking.toggle(name) });
