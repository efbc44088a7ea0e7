/** A reader's measurements: what is drawn, and what others have kept, on the frames they are of.
 *
 * Fires `changed` when the reader has drawn, changed or removed something.
 */
import { eventTarget } from '@cornerstonejs/core';
import { annotation as annotations, Enums, utilities } from '@cornerstonejs/tools';

import { draw, isMeasurement, knowFrames, redraw, toMeasurement, trackingUid } from './annotations.js';
import { text } from './attributes.js';

const { ANNOTATION_COMPLETED, ANNOTATION_MODIFIED, ANNOTATION_REMOVED } = Enums.Events;
const SETTLE_MS = 120; // after the last of many events that one drag gives

export class Measurements extends EventTarget {
  #viewer;
  #own = new Map(); // tracking UID → measurement
  #others = new Map();
  #drawn = new Map(); // tracking UID → UID of the drawing
  #hidden = new Set();
  #touched = new Set(); // drawings that have changed since the last look
  #isOurDoing = false;
  #isPressed = false;
  #timer;

  constructor(viewer) {
    super();
    this.#viewer = viewer;
    for (const type of ['state', 'series']) {
      viewer.addEventListener(type, ({ detail }) => this.#drawIn(detail.pane));
    }
    eventTarget.addEventListener(ANNOTATION_COMPLETED, ({ detail }) => {
      if (!isMeasurement(detail.annotation)) return;
      this.#drawn.set(trackingUid(detail.annotation), detail.annotation.annotationUID);
      this.#touch(detail.annotation);
    });
    for (const type of [ANNOTATION_MODIFIED, ANNOTATION_REMOVED]) {
      eventTarget.addEventListener(type, ({ detail }) => this.#touch(detail.annotation));
    }
    addEventListener('pointerdown', () => (this.#isPressed = true), true);
    for (const type of ['pointerup', 'pointercancel']) {
      addEventListener(type, () => (this.#isPressed = false), true);
    }
  }

  get own() {
    return [...this.#own.values()];
  }

  /** Replace the reader's measurements: what differs is drawn anew. */
  set own(measurements) {
    this.#replace(this.#own, measurements);
  }

  get others() {
    return [...this.#others.values()];
  }

  set others(measurements) {
    this.#replace(this.#others, measurements);
  }

  isHidden = ({ tracking_uid: uid }) => this.#hidden.has(uid);

  hide(measurement, isHidden) {
    const { tracking_uid: uid } = measurement;
    if (isHidden) this.#hidden.add(uid);
    else this.#hidden.delete(uid);
    if (this.#drawn.has(uid)) annotations.visibility.setAnnotationVisibility(this.#drawn.get(uid), !isHidden);
    this.#render();
  }

  rename(measurement, label) {
    this.settle();
    const { tracking_uid: uid } = measurement;
    const drawing = this.#drawing(uid);
    if (drawing) drawing.data.label = label;
    this.#own.set(uid, { ...measurement, label });
    this.#render();
    this.dispatchEvent(new Event('changed'));
  }

  remove(uids) {
    this.settle();
    const found = uids.filter((uid) => this.#own.has(uid));
    if (!found.length) return;
    for (const uid of found) this.#erase(this.#own, uid);
    this.#render();
    this.dispatchEvent(new Event('changed'));
  }

  removeSelected() {
    const selected = annotations.selection.getAnnotationsSelected();
    const uids = [...this.#drawn].filter(([, drawing]) => selected.includes(drawing)).map(([uid]) => uid);
    this.remove(uids);
  }

  /** Take in at once what has just been drawn. */
  settle() {
    clearTimeout(this.#timer);
    const touched = [...this.#touched];
    this.#touched.clear();
    const changes = touched.filter((uid) => this.#takeIn(uid));
    if (!changes.length) return;
    this.#render();
    this.dispatchEvent(new Event('changed'));
  }

  #touch(drawing) {
    const uid = trackingUid(drawing);
    if (this.#isOurDoing || !this.#drawn.has(uid) || this.#others.has(uid)) return;
    this.#touched.add(uid);
    this.#settleSoon();
  }

  #settleSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#isPressed ? this.#settleSoon() : this.settle()), SETTLE_MS);
  }

  /** @returns whether the drawing says something else than it did */
  #takeIn(uid) {
    const drawing = this.#drawing(uid);
    if (!drawing) {
      this.#drawn.delete(uid);
      return this.#own.delete(uid);
    }
    const measurement = toMeasurement(drawing);
    if (!measurement) {
      this.#erase(this.#own, uid); // left before it was finished
      return false;
    }
    if (isSame(measurement, this.#own.get(uid))) return false;
    redraw(drawing, measurement);
    this.#own.set(uid, measurement);
    return true;
  }

  #drawing(uid) {
    return annotations.state.getAnnotation(this.#drawn.get(uid));
  }

  #replace(held, measurements) {
    const wanted = new Map(measurements.map((one) => [one.tracking_uid, one]));
    for (const [uid, one] of held) {
      if (JSON.stringify(one) !== JSON.stringify(wanted.get(uid))) this.#erase(held, uid);
    }
    for (const [uid, one] of wanted) held.set(uid, one);
    this.#viewer.panes.forEach((pane) => this.#drawIn(pane));
    this.#render();
  }

  #erase(held, uid) {
    held.delete(uid);
    this.#quietly(() => annotations.state.removeAnnotation(this.#drawn.get(uid)));
    this.#drawn.delete(uid);
    this.#touched.delete(uid);
  }

  /** Draw what is kept of the series that a pane shows and not yet drawn. */
  #drawIn({ series, stack, element }) {
    if (!series?.displaySet || element.dataset.state !== 'shown') return;
    knowFrames(stack.frames);
    for (const held of [this.#own, this.#others]) {
      for (const one of held.values()) {
        if (one.series_instance_uid !== series.uid || this.#drawing(one.tracking_uid)) continue;
        const index = stack.frames.findIndex(
          ({ instance, frame }) => frame === one.frame && text(instance, '00080018') === one.sop_instance_uid,
        );
        if (index >= 0) this.#draw(one, stack.viewport, index, held === this.#own);
      }
    }
  }

  #draw(measurement, viewport, index, isOwn) {
    const { tracking_uid: uid } = measurement;
    this.#quietly(() => this.#drawn.set(uid, draw(measurement, viewport, index, isOwn)));
    if (this.#hidden.has(uid)) annotations.visibility.setAnnotationVisibility(uid, false);
    this.#render();
  }

  #quietly(change) {
    this.#isOurDoing = true;
    change();
    this.#isOurDoing = false;
  }

  #render() {
    utilities.triggerAnnotationRenderForViewportIds(this.#viewer.panes.map(({ viewport }) => viewport.id));
  }
}

/** The archive keeps points in 32 bits: what differs by less was not moved. */
function isSame(one, other) {
  const near = ([x, y], index) => Math.hypot(x - other.points[index][0], y - other.points[index][1]) < 0.02;
  return other !== undefined && one.label === other.label && one.points.length === other.points.length &&
    one.points.every(near);
}
