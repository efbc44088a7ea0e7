/** Lines that tie the planes of a reconstruction together, and what dragging them does.
 *
 * There is one point; every plane goes through it. Dragging anywhere moves the point, dragging a
 * ring turns the other two planes about it. Scrolling or panning a plane takes the point along.
 */
import { Enums } from '@cornerstonejs/core';
import { BaseTool } from '@cornerstonejs/tools';

import { cross, dot, minus, plus, turned } from './geometry.js';
import { circle, line, svg } from './svg.js';

const GAP = 14; // pixels left free around the point
const RING = 0.36; // distance of a ring from the point, as a share of the smaller side
const RING_RADIUS = 6;
const REACH = 22; // pixels around a ring that belong to it: half a finger

export class Crosshairs {
  #views;
  #isMoving = false;
  #turning; // angle of the pointer about the point while a ring is dragged

  point = [0, 0, 0];
  isVisible = true;
  slabMm = 0;

  /** @param views objects with `name`, `element` and `viewport`, one for each plane */
  constructor(views) {
    this.#views = views;
    for (const view of views) {
      view.lines = svg('crosshairs');
      view.element.after(view.lines);
      view.element.addEventListener(Enums.Events.CAMERA_MODIFIED, () => this.#follow(view));
    }
  }

  /** Move the planes so that they go through `point`. */
  moveTo(point) {
    this.point = point;
    this.#quietly(() => {
      for (const { viewport } of this.#views) {
        const { focalPoint, position, viewPlaneNormal } = viewport.getCamera();
        const step = dot(minus(point, focalPoint), viewPlaneNormal);
        if (Math.abs(step) < 1e-6) continue;
        viewport.setCamera({
          focalPoint: plus(focalPoint, viewPlaneNormal, step),
          position: plus(position, viewPlaneNormal, step),
        });
        viewport.render();
      }
    });
  }

  /** Take hold of what is at `canvas`: a ring, or else the point. */
  grab(view, canvas, world) {
    const angle = this.#angle(view, canvas);
    this.#turning = this.isVisible && this.#isOnRing(view, canvas) ? angle : undefined;
    if (this.#turning === undefined) this.moveTo(world);
  }

  drag(view, canvas, world) {
    if (this.#turning === undefined) return this.moveTo(world);
    const angle = this.#angle(view, canvas);
    this.#turnOthers(view, this.#turning - angle); // canvas y points down
    this.#turning = angle;
    return undefined;
  }

  #turnOthers(view, angle) {
    const axis = view.viewport.getCamera().viewPlaneNormal;
    this.#quietly(() => {
      for (const { viewport } of this.#views.filter((other) => other !== view)) {
        const { focalPoint, position, viewUp } = viewport.getCamera();
        const about = (place) => plus(this.point, turned(minus(place, this.point), axis, angle));
        viewport.setCamera({
          focalPoint: about(focalPoint),
          position: about(position),
          viewUp: turned(viewUp, axis, angle),
        });
        viewport.render();
      }
    });
  }

  /** A plane was scrolled: the point goes along its normal, so the other lines move. */
  #follow({ viewport }) {
    if (this.#isMoving) return;
    const { focalPoint, viewPlaneNormal } = viewport.getCamera();
    const step = dot(minus(focalPoint, this.point), viewPlaneNormal);
    this.point = plus(this.point, viewPlaneNormal, step);
    this.draw();
  }

  #quietly(change) {
    this.#isMoving = true;
    change();
    this.#isMoving = false;
    this.draw();
  }

  draw() {
    for (const view of this.#views) {
      const others = this.#views.filter((other) => other !== view);
      view.lines.replaceChildren(...(this.isVisible ? others.flatMap((other) => this.#lines(view, other)) : []));
    }
  }

  /** The line in which the plane of `other` cuts this one, its rings, and the faces of its slab. */
  #lines(view, other) {
    const { middle, along, reach, ring } = this.#place(view, other);
    const at = (distance, aside = 0) => [
      middle[0] + along[0] * distance - along[1] * aside,
      middle[1] + along[1] * distance + along[0] * aside,
    ];
    const half = (this.slabMm / 2) * pixelsPerMm(view.viewport);
    const faces = half > 1 ? [-half, half].map((aside) => line(at(-reach, aside), at(reach, aside), 'face')) : [];
    const parts = [
      line(at(GAP), at(reach)), line(at(-GAP), at(-reach)),
      circle(at(ring), RING_RADIUS), circle(at(-ring), RING_RADIUS), ...faces,
    ];
    for (const part of parts) part.dataset.of = other.name;
    return parts;
  }

  #place({ viewport, element }, other) {
    const direction = cross(viewport.getCamera().viewPlaneNormal, other.viewport.getCamera().viewPlaneNormal);
    const middle = viewport.worldToCanvas(this.point);
    const end = viewport.worldToCanvas(plus(this.point, direction, 10));
    const length = Math.hypot(end[0] - middle[0], end[1] - middle[1]) || 1;
    const { clientWidth, clientHeight } = element;
    return {
      middle,
      along: [(end[0] - middle[0]) / length, (end[1] - middle[1]) / length],
      reach: clientWidth + clientHeight,
      ring: RING * Math.min(clientWidth, clientHeight),
    };
  }

  #angle({ viewport }, [x, y]) {
    const middle = viewport.worldToCanvas(this.point);
    return Math.atan2(y - middle[1], x - middle[0]);
  }

  #isOnRing(view, [x, y]) {
    return this.#views.filter((other) => other !== view).some((other) => {
      const { middle, along, ring } = this.#place(view, other);
      return [ring, -ring].some(
        (at) => Math.hypot(middle[0] + along[0] * at - x, middle[1] + along[1] * at - y) < REACH,
      );
    });
  }
}

/** The left button's or one finger's part; configured with `viewOf(element)` and `crosshairs()`. */
export class CrosshairsTool extends BaseTool {
  static toolName = 'Crosshairs';

  #isHeld = false;

  constructor(properties) {
    super(properties, { supportedInteractionTypes: ['Mouse', 'Touch'], configuration: {} });
  }

  preMouseDownCallback({ detail }) {
    this.#grab(detail.element, detail.currentPoints);
    return true;
  }

  /** A finger may be the first of two: nothing happens before it moves, or is lifted again. */
  preTouchStartCallback() {
    this.#isHeld = false;
    return true;
  }

  touchDragCallback(event) {
    if (!this.#isHeld) this.#grab(event.detail.element, event.detail.startPoints);
    this.#isHeld = true;
    this.mouseDragCallback(event);
  }

  touchTapCallback({ detail }) {
    this.#grab(detail.element, detail.currentPoints);
  }

  #grab(element, { canvas, world }) {
    const { crosshairs, viewOf } = this.configuration;
    crosshairs().grab(viewOf(element), canvas, world);
  }

  mouseDragCallback({ detail }) {
    const { crosshairs, viewOf } = this.configuration;
    crosshairs().drag(viewOf(detail.element), detail.currentPoints.canvas, detail.currentPoints.world);
  }
}

export function pixelsPerMm(viewport) {
  const [a, b] = [viewport.canvasToWorld([0, 0]), viewport.canvasToWorld([100, 0])];
  return 100 / Math.hypot(...minus([...b], [...a]));
}
