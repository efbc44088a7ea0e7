/** What mouse and fingers do in the panes. Fires `chosen` with the name of the left button's tool. */
import {
  addTool, BaseTool, cancelActiveManipulations, Enums, MagnifyTool, PanTool, ToolGroupManager, WindowLevelTool,
  ZoomTool,
} from '@cornerstonejs/tools';

import { configurationOf, KINDS, setColours } from './annotations.js';
import { zoomBy } from './view.js';

const { Primary, Secondary, Auxiliary } = Enums.MouseBindings;
const WHEEL_STEP = 50; // pixels of a trackpad gesture for one image; a wheel notch gives about 100
const DRAG_STEPS = 40; // a drag over the whole height passes at least this many images

/** Drag up and down to scroll; the stack itself decides what can be shown. */
class ScrollTool extends BaseTool {
  static toolName = 'Scroll';

  #rest = 0;

  constructor(properties) {
    super(properties, { supportedInteractionTypes: ['Mouse', 'Touch'], configuration: {} });
  }

  mouseDragCallback({ detail }) {
    const { stack } = this.configuration.viewer.paneOf(detail.element);
    const pixels = detail.element.clientHeight / Math.max(DRAG_STEPS, stack.frames.length);
    this.#rest += detail.deltaPoints.canvas[1] / pixels;
    const steps = Math.trunc(this.#rest);
    this.#rest -= steps;
    stack.goTo(stack.wanted + steps);
  }

  touchDragCallback(event) {
    this.mouseDragCallback(event);
  }
}

// Bindings a tool keeps whichever tool has the left button and one finger.
const FIXED = {
  [WindowLevelTool.toolName]: [],
  [ScrollTool.toolName]: [{ numTouchPoints: 3 }],
  [PanTool.toolName]: [{ mouseButton: Auxiliary }],
  [ZoomTool.toolName]: [{ mouseButton: Secondary }, { numTouchPoints: 2 }],
  [MagnifyTool.toolName]: [],
};
// Tools whose drawings stay, and can be moved, while another tool has the left button.
const DRAWING = new Set(Object.values(KINDS).map(({ tool }) => tool.toolName));

export class Tools extends EventTarget {
  #group = ToolGroupManager.createToolGroup('reading');

  #viewer;
  #chosen;

  /**
   * @param root holds the panes
   * @param askText for what is to be written into the picture
   */
  constructor(viewer, root, askText) {
    super();
    this.#viewer = viewer;
    [WindowLevelTool, ScrollTool, PanTool, ZoomTool, MagnifyTool].forEach((tool) => addTool(tool));
    Object.keys(FIXED).forEach((name) => this.#group.addTool(name));
    setColours();
    for (const [kind, { tool }] of Object.entries(KINDS)) {
      addTool(tool);
      this.#group.addTool(tool.toolName, configurationOf(kind, askText));
    }
    this.#group.setToolConfiguration(ScrollTool.toolName, { viewer });
    for (const pane of viewer.panes) this.#attach(pane);
    root.addEventListener('viewport-enabled', ({ target }) => {
      const pane = viewer.paneOf(target);
      if (pane?.stack) this.#attach(pane);
    });
    viewer.addEventListener('grid', () => viewer.panes.forEach((pane) => this.#attach(pane)));
    root.addEventListener('wheel', wheelHandler(viewer), { passive: false });
    // The second of two quick clicks draws, and does not change the grid.
    root.addEventListener('dblclick', (event) => DRAWING.has(this.#chosen) && event.stopPropagation(), true);
    root.addEventListener('contextmenu', (event) => {
      if (event.target.closest('.picture')) event.preventDefault();
    });
  }

  #attach({ viewport }) {
    this.#group.addViewport(viewport.id, viewport.renderingEngineId);
  }

  /** Give the left button and one finger to the tool `name`. */
  choose(name) {
    for (const { viewport } of this.#viewer.panes) cancelActiveManipulations(viewport.element);
    for (const tool of [...Object.keys(FIXED), ...DRAWING]) {
      const fixed = FIXED[tool] ?? [];
      const bindings = tool === name ? [{ mouseButton: Primary }, ...fixed] : fixed;
      if (DRAWING.has(tool)) this.#group.setToolPassive(tool, { removeAllBindings: true });
      else this.#group.setToolDisabled(tool);
      if (bindings.length) this.#group.setToolActive(tool, { bindings });
    }
    this.#chosen = name;
    this.dispatchEvent(new CustomEvent('chosen', { detail: name }));
  }
}

/** Wheel scrolls; with ctrl (and a trackpad's pinch, which browsers report as such) it zooms. */
function wheelHandler(viewer) {
  let rest = 0;
  return (event) => {
    if (!event.target.closest('.picture')) return undefined;
    const { stack } = viewer.paneOf(event.target);
    event.preventDefault();
    const delta = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 33;
    if (event.ctrlKey) return zoomBy(stack, Math.exp(-delta / 400));
    if (Math.abs(delta) >= WHEEL_STEP) {
      rest = 0;
      return stack.goTo(stack.wanted + Math.sign(delta));
    }
    rest += delta / WHEEL_STEP;
    const steps = Math.trunc(rest);
    rest -= steps;
    return stack.goTo(stack.wanted + steps);
  };
}
