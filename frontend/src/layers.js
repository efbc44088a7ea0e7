/** What is drawn over the pictures: overlay planes, segments, structures, presentation states.
 *
 * Each pane has a sheet over its picture, a canvas and a drawing in the pixels of the page, drawn
 * anew whenever the picture or its presentation changes. Nothing of it lies over another image than
 * the one it belongs to.
 */
import { element, shape } from './dom.js';
import { pointOf } from './frame_planes.js';
import { OverlayPlanes, planesOf } from './overlay_planes.js';

class Sheet {
  #pane;
  #canvas = element('canvas');
  #axes; // of the patient, in pixels of the page

  drawing = shape('svg');
  label = element('p', { className: 'presented' });

  constructor(pane) {
    this.#pane = pane;
    this.#canvas.ariaHidden = 'true';
    this.element = element('div', { className: 'sheet' }, this.#canvas, this.drawing, this.label);
    this.context = this.#canvas.getContext('2d');
    pane.element.querySelector('.picture').after(this.element);
  }

  /** An empty sheet for the picture as it lies now. */
  begin() {
    const { clientWidth, clientHeight } = this.element;
    this.#canvas.width = clientWidth * devicePixelRatio;
    this.#canvas.height = clientHeight * devicePixelRatio;
    this.context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    this.drawing.setAttribute('viewBox', `0 0 ${clientWidth} ${clientHeight}`);
    this.drawing.replaceChildren();
    this.label.textContent = '';
    const { viewport } = this.#pane;
    const at = (point) => [...viewport.worldToCanvas(point)];
    const { origin } = viewport.getImageData();
    const start = at([...origin]);
    const length = 100; // mm; the longer the more exact
    const axes = [0, 1, 2].map((axis) => {
      const end = at(origin.map((part, index) => part + (index === axis ? length : 0)));
      return end.map((part, index) => (part - start[index]) / length);
    });
    this.#axes = { origin: [...origin], start, axes };
  }

  /** A point of the patient in pixels of the page. */
  toCanvas = (point) => {
    const { origin, start, axes } = this.#axes;
    const [x, y, z] = [point[0] - origin[0], point[1] - origin[1], point[2] - origin[2]];
    return [0, 1].map((i) => start[i] + axes[0][i] * x + axes[1][i] * y + axes[2][i] * z);
  };

  /** Column and row of the picture in pixels of the page; the middle of a pixel is a whole number. */
  pictureToCanvas = ([column, row]) => {
    const { origin, direction, spacing } = this.#pane.viewport.getImageData();
    return this.toCanvas([0, 1, 2].map((axis) =>
      origin[axis] + direction[axis] * spacing[0] * column + direction[axis + 3] * spacing[1] * row));
  };

  /** The transformation that draws columns and rows of a plane, for the canvas. */
  ofPlane(plane) {
    return matrix((point) => this.toCanvas(pointOf(plane, point)));
  }

  ofPicture() {
    return matrix(this.pictureToCanvas);
  }
}

function matrix(toCanvas) {
  const [start, right, down] = [toCanvas([0, 0]), toCanvas([1, 0]), toCanvas([0, 1])];
  const parts = [right[0] - start[0], right[1] - start[1], down[0] - start[0], down[1] - start[1], ...start];
  return parts.map((part) => part * devicePixelRatio);
}

/** Fires `redraw` when what is to be drawn has changed, and not where. */
export class Layers extends EventTarget {
  #viewer;
  #sheets = new Map(); // pane → its sheet
  #waiting = new Set(); // panes to be drawn

  planes = new OverlayPlanes(() => this.redraw());
  overlays = []; // segmentations and structure sets that are shown
  presentations = new Map(); // pane → the presentation state that is applied to it

  constructor(viewer) {
    super();
    this.#viewer = viewer;
    for (const type of ['view', 'state']) viewer.addEventListener(type, ({ detail }) => this.#update(detail.pane));
    viewer.addEventListener('grid', () => this.redraw());
    document.addEventListener('viewport-enabled', ({ target }) => {
      const pane = viewer.paneOf(target);
      this.presentations.get(pane)?.forget(pane);
    });
  }

  redraw() {
    this.dispatchEvent(new Event('redraw'));
    for (const pane of this.#viewer.panes) this.#update(pane);
    for (const pane of this.#sheets.keys()) {
      if (!this.#viewer.panes.includes(pane)) this.#forget(pane);
    }
  }

  /** Show a presentation state in a pane, or none. */
  present(pane, presentation) {
    const former = this.presentations.get(pane);
    if (former === presentation) return;
    former?.leave(pane);
    if (presentation) this.presentations.set(pane, presentation);
    else this.presentations.delete(pane);
    this.#update(pane);
  }

  #forget(pane) {
    this.#sheets.delete(pane);
    this.presentations.delete(pane);
  }

  #update(pane) {
    if (!this.#waiting.size) requestAnimationFrame(() => this.#drawWaiting());
    this.#waiting.add(pane);
  }

  #drawWaiting() {
    const panes = [...this.#waiting];
    this.#waiting.clear();
    for (const pane of panes.filter((one) => this.#viewer.panes.includes(one))) this.#draw(pane);
  }

  #draw(pane) {
    const { state } = pane.element.dataset;
    if (!this.#sheets.has(pane)) this.#sheets.set(pane, new Sheet(pane));
    const sheet = this.#sheets.get(pane);
    const isShown = state === 'shown' && !pane.stack.isLoading;
    sheet.element.hidden = !isShown;
    if (!isShown) return;
    const { frame } = pane; // the one on the screen
    sheet.begin();
    for (const overlay of this.overlays) overlay.draw(sheet, frame);
    const presentation = this.presentations.get(pane);
    presentation?.follow(pane);
    const applied = presentation?.covers(frame) ? presentation : undefined;
    if (this.planes.isVisible) this.planes.draw(sheet, frame, applied ? applied.activated(frame) : allOf(frame));
    if (applied) {
      this.planes.draw(sheet, frame, applied.bitmapShutter);
      applied.draw(sheet, frame);
    }
    sheet.label.textContent = [applied && nameOf(applied), this.planes.omitted(frame)].filter(Boolean).join('\n');
  }
}

const allOf = (frame) => planesOf(frame.instance).map((plane) => ({ plane, source: frame }));

function nameOf({ title, omitted }) {
  return [`As presented: ${title}`, omitted.length ? `without ${omitted.join(', ')}` : ''].filter(Boolean).join('\n');
}
