/** Scrolling and zooming by mouse, wheel and fingers, over stacks and over reconstructions alike.
 *
 * A surface is what lies under an element: it has `scroll(steps)`, `zoomBy(factor)` and its `length`
 * in images. Each tool is configured with `surfaceOf(element)`.
 */
import { BaseTool } from '@cornerstonejs/tools';

import { zoomBy } from './view.js';

const WHEEL_STEP = 50; // pixels of a trackpad gesture for one image; a wheel notch gives about 100
const DRAG_STEPS = 40; // a drag over the whole height passes at least this many images
const DECISION = 10; // pixels after which two fingers are known to pinch, or to scroll

export function surfaceOfPane({ stack }) {
  return {
    length: stack.frames.length,
    scroll: (steps) => stack.goTo(stack.wanted + steps),
    zoomBy: (factor) => zoomBy(stack, factor),
  };
}

/** Gathers pixels into whole images. */
class Steps {
  #rest = 0;

  /** Images that a drag by `pixels` passes on an element and a surface. */
  passed(pixels, element, surface) {
    this.#rest += (pixels * Math.max(DRAG_STEPS, surface.length)) / element.clientHeight;
    const steps = Math.trunc(this.#rest);
    this.#rest -= steps;
    return steps;
  }
}

/** Drag up and down to scroll; the surface itself decides what can be shown. */
export class ScrollTool extends BaseTool {
  static toolName = 'Scroll';

  #steps = new Steps();

  constructor(properties) {
    super(properties, { supportedInteractionTypes: ['Mouse', 'Touch'], configuration: {} });
  }

  mouseDragCallback({ detail: { element, deltaPoints } }) {
    const surface = this.configuration.surfaceOf(element);
    const steps = this.#steps.passed(deltaPoints.canvas[1], element, surface);
    if (steps) surface.scroll(steps);
  }
}

/** Two fingers that part or meet zoom, two that go the same way scroll; which is decided once. */
export class TwoFingersTool extends BaseTool {
  static toolName = 'TwoFingers';

  #pinched = 0;
  #dragged = 0;
  #steps = new Steps();

  constructor(properties) {
    super(properties, { supportedInteractionTypes: ['Touch'], configuration: {} });
    document.addEventListener('touchend', () => ([this.#pinched, this.#dragged] = [0, 0]));
  }

  touchDragCallback({ detail: { element, currentPointsList, lastPointsList } }) {
    if (currentPointsList.length < 2 || lastPointsList.length < 2) return; // the second has just come
    const [now, before] = [currentPointsList, lastPointsList].map(spread);
    const surface = this.configuration.surfaceOf(element);
    if (Math.abs(this.#dragged) < DECISION) this.#pinched += now.distance - before.distance;
    if (Math.abs(this.#pinched) < DECISION) this.#dragged += now.height - before.height;
    if (Math.abs(this.#pinched) >= DECISION) surface.zoomBy(now.distance / before.distance);
    else if (Math.abs(this.#dragged) >= DECISION) {
      surface.scroll(this.#steps.passed(now.height - before.height, element, surface));
    }
  }
}

/** How far two fingers are apart, and the height of the middle between them. */
function spread([{ canvas: a }, { canvas: b }]) {
  return { distance: Math.hypot(a[0] - b[0], a[1] - b[1]) || 1, height: (a[1] + b[1]) / 2 };
}

/** Wheel scrolls; with ctrl (and a trackpad's pinch, which browsers report as such) it zooms. */
export function wheelHandler(surfaceOf) {
  let rest = 0;
  return (event) => {
    const element = event.target.closest('.picture');
    if (!element) return undefined;
    event.preventDefault();
    const surface = surfaceOf(element);
    const delta = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 33;
    if (event.ctrlKey) return surface.zoomBy(Math.exp(-delta / 400));
    if (Math.abs(delta) >= WHEEL_STEP) {
      rest = 0;
      return surface.scroll(Math.sign(delta));
    }
    rest += delta / WHEEL_STEP;
    const steps = Math.trunc(rest);
    rest -= steps;
    return steps ? surface.scroll(steps) : undefined;
  };
}
