/** What mouse and fingers do in the panes. Fires `chosen` with the name of the left button's tool. */
import { eventTarget } from '@cornerstonejs/core';
import {
  addTool, annotation, cancelActiveManipulations, Enums, MagnifyTool, PanTool, ToolGroupManager, utilities,
  WindowLevelTool, ZoomTool,
} from '@cornerstonejs/tools';

import { configurationOf, KINDS, setColours } from './annotations.js';
import { ScrollTool, surfaceOfPane, TwoFingersTool, wheelHandler } from './gestures.js';

const { Primary, Secondary, Auxiliary } = Enums.MouseBindings;

// Bindings a tool keeps whichever tool has the left button and one finger.
export const FIXED = {
  [WindowLevelTool.toolName]: [],
  [ScrollTool.toolName]: [],
  [PanTool.toolName]: [{ mouseButton: Auxiliary }, { numTouchPoints: 3 }],
  [ZoomTool.toolName]: [{ mouseButton: Secondary }],
  [TwoFingersTool.toolName]: [{ numTouchPoints: 2 }],
  [MagnifyTool.toolName]: [],
};
// Tools whose drawings stay, and can be moved, while another tool has the left button.
const DRAWING = new Set(Object.values(KINDS).map(({ tool }) => tool.toolName));

export class Tools extends EventTarget {
  #group = ToolGroupManager.createToolGroup('reading');
  #viewer;

  chosen = undefined;

  /**
   * @param root holds the panes
   * @param askText for what is to be written into the picture
   */
  constructor(viewer, root, askText) {
    super();
    this.#viewer = viewer;
    const surfaceOf = (element) => surfaceOfPane(viewer.paneOf(element));
    this.#addTools(surfaceOf, askText);
    for (const pane of viewer.panes) this.#attach(pane);
    root.addEventListener('viewport-enabled', ({ target }) => {
      const pane = viewer.paneOf(target);
      if (pane?.stack) this.#attach(pane);
    });
    viewer.addEventListener('grid', () => viewer.panes.forEach((pane) => this.#attach(pane)));
    root.addEventListener('wheel', wheelHandler(surfaceOf), { passive: false });
    // The second of two quick clicks draws, and does not change the grid.
    root.addEventListener('dblclick', (event) => DRAWING.has(this.chosen) && event.stopPropagation(), true);
    root.addEventListener('contextmenu', (event) => {
      if (event.target.closest('.picture')) event.preventDefault();
    });
  }

  #addTools(surfaceOf, askText) {
    const plain = [WindowLevelTool, ScrollTool, PanTool, ZoomTool, TwoFingersTool, MagnifyTool];
    for (const tool of plain) {
      addTool(tool);
      this.#group.addTool(tool.toolName);
    }
    for (const { toolName } of [ScrollTool, TwoFingersTool]) {
      this.#group.setToolConfiguration(toolName, { surfaceOf });
    }
    setColours();
    for (const [kind, { tool }] of Object.entries(KINDS)) {
      addTool(tool);
      this.#group.addTool(tool.toolName, configurationOf(kind, askText));
    }
  }

  #attach({ viewport }) {
    this.#group.addViewport(viewport.id, viewport.renderingEngineId);
  }

  /** Drop what is being drawn. @returns whether anything was */
  cancel() {
    const { isDrawing = false } = this.#group.getToolInstance(this.chosen) ?? {}; // freehand does not answer
    const begun = []; // upstream completes what it leaves
    const note = ({ detail }) => begun.push(detail.annotation.annotationUID);
    eventTarget.addEventListener(Enums.Events.ANNOTATION_COMPLETED, note);
    const left = this.#leaveDrawing();
    eventTarget.removeEventListener(Enums.Events.ANNOTATION_COMPLETED, note);
    for (const uid of begun) annotation.state.removeAnnotation(uid);
    utilities.triggerAnnotationRenderForViewportIds(this.#viewer.panes.map(({ viewport }) => viewport.id));
    return isDrawing || left.length > 0;
  }

  /** @returns the panes in which something was being drawn, or changed */
  #leaveDrawing() {
    return this.#viewer.panes.filter(({ viewport }) => cancelActiveManipulations(viewport.element));
  }

  choose(name) {
    this.#leaveDrawing();
    for (const tool of DRAWING) this.#group.setToolPassive(tool, { removeAllBindings: true });
    giveLeftButton(this.#group, FIXED, name);
    if (DRAWING.has(name)) this.#group.setToolActive(name, { bindings: [{ mouseButton: Primary }] });
    this.chosen = name;
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
