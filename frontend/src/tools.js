/** What mouse and fingers do in the panes. Fires `chosen` with the name of the left button's tool. */
import { addTool, Enums, PanTool, ToolGroupManager, WindowLevelTool, ZoomTool } from '@cornerstonejs/tools';

import { ScrollTool, surfaceOfPane, TwoFingersTool, wheelHandler } from './gestures.js';

const { Primary, Secondary, Auxiliary } = Enums.MouseBindings;

// Bindings a tool keeps whichever tool has the left button and one finger.
export const FIXED = {
  [WindowLevelTool.toolName]: [],
  [ScrollTool.toolName]: [],
  [PanTool.toolName]: [{ mouseButton: Auxiliary }, { numTouchPoints: 3 }],
  [ZoomTool.toolName]: [{ mouseButton: Secondary }],
  [TwoFingersTool.toolName]: [{ numTouchPoints: 2 }],
};

export class Tools extends EventTarget {
  #group = ToolGroupManager.createToolGroup('reading');

  chosen = undefined;

  /** @param root holds the panes */
  constructor(viewer, root) {
    super();
    [WindowLevelTool, ScrollTool, PanTool, ZoomTool, TwoFingersTool].forEach((tool) => addTool(tool));
    Object.keys(FIXED).forEach((name) => this.#group.addTool(name));
    const surfaceOf = (element) => surfaceOfPane(viewer.paneOf(element));
    for (const name of [ScrollTool.toolName, TwoFingersTool.toolName]) {
      this.#group.setToolConfiguration(name, { surfaceOf });
    }
    for (const pane of viewer.panes) this.#attach(pane);
    root.addEventListener('viewport-enabled', ({ target }) => {
      const pane = viewer.paneOf(target);
      if (pane?.stack) this.#attach(pane);
    });
    viewer.addEventListener('grid', () => viewer.panes.forEach((pane) => this.#attach(pane)));
    root.addEventListener('wheel', wheelHandler(surfaceOf), { passive: false });
    root.addEventListener('contextmenu', (event) => {
      if (event.target.closest('.picture')) event.preventDefault();
    });
  }

  #attach({ viewport }) {
    this.#group.addViewport(viewport.id, viewport.renderingEngineId);
  }

  choose(name) {
    this.chosen = name;
    giveLeftButton(this.#group, FIXED, name);
    this.dispatchEvent(new CustomEvent('chosen', { detail: name }));
  }
}

/** Give the left button and one finger to the tool `name` of a group; the others keep their bindings. */
export function giveLeftButton(group, fixedBindings, name) {
  for (const [tool, fixed] of Object.entries(fixedBindings)) {
    const bindings = tool === name ? [{ mouseButton: Primary }, ...fixed] : fixed;
    group.setToolDisabled(tool);
    if (bindings.length) group.setToolActive(tool, { bindings });
  }
}
