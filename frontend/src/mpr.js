/** The reconstruction of the active pane's series in three planes, in the place of the panes.
 *
 * The panes stay behind as they are, so that leaving gives them back exactly. Fires `change` when it
 * opens, is ready or closes, `chosen` with the tool of the left button. `data-state` of its element
 * is loading or shown.
 */
import { cache } from '@cornerstonejs/core';
import { addTool, MagnifyTool, ToolGroupManager, WindowLevelTool } from '@cornerstonejs/tools';

import { CrosshairsTool } from './crosshairs.js';
import { savePlanes } from './export.js';
import { middleOf } from './geometry.js';
import { ScrollTool, TwoFingersTool, wheelHandler } from './gestures.js';
import { Planes } from './planes.js';
import { presetsFor, toRange } from './presets.js';
import { explainFrame } from './reasons.js';
import { FIXED, giveLeftButton } from './tools.js';
import { headerCurve } from './transfer.js';
import { gatherVolume, whyNoVolume } from './volume.js';

const PAGE = 10;
const ZOOM_STEP = 1.25;
const THICKNESSES = [1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 75, 100]; // mm
const CROSSHAIRS = CrosshairsTool.toolName;
const { [MagnifyTool.toolName]: _stacksOnly, ...SHARED } = FIXED;
const TOOLS = { ...SHARED, [CROSSHAIRS]: [] };

export class Mpr extends EventTarget {
  #viewer;
  #messages;
  #layers; // what lies over the planes
  #grid;
  #element;
  #bar;
  #status;
  #group;
  #request;
  #pane; // whose series is shown

  planes;
  chosen = CROSSHAIRS;

  /** @param page holds the grid of panes and the element of the reconstruction */
  constructor(viewer, messages, page, layers) {
    super();
    [this.#viewer, this.#messages, this.#layers] = [viewer, messages, layers];
    this.#grid = page.querySelector('#grid');
    this.#element = page.querySelector('#mpr');
    this.#bar = this.#element.querySelector('.bar');
    this.#status = this.#element.querySelector('[role=status]');
    this.planes = new Planes(this.#element.querySelector('.planes'));
    this.#listen();
  }

  get isOpen() {
    return !this.#element.hidden;
  }

  get isShown() {
    return this.#element.dataset.state === 'shown';
  }

  /** Why the active pane's series cannot be shown in planes; empty when it can. */
  get hindrance() {
    const { element, stack } = this.#viewer.active;
    if (!stack.frames.length) return 'There are no images.';
    if (stack.shown === undefined) return 'No image of it is shown yet.';
    if (element.querySelector('.mismatch:not(.seen)')) return 'Its images are of another patient: read first whose they are.';
    return whyNoVolume(stack.frames);
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.#open();
  }

  close() {
    if (!this.isOpen) return;
    this.#request.abort();
    this.planes.clear();
    this.#setOpen(false);
    this.#pane.element.querySelector('.picture').focus({ preventScroll: true });
  }

  choose(name) {
    if (!(name in TOOLS)) {
      this.refuse();
      return;
    }
    this.chosen = name;
    if (name === CROSSHAIRS) this.planes.showCrosshairs(true);
    giveLeftButton(this.#group, TOOLS, name);
    this.dispatchEvent(new CustomEvent('chosen', { detail: name }));
    this.#update();
  }

  /** Take the crosshairs in hand; put them away when they are. */
  toggleCrosshairs() {
    if (!this.isOpen) this.#open();
    if (!this.isShown) return;
    if (this.chosen !== CROSSHAIRS) {
      this.choose(CROSSHAIRS);
      return;
    }
    this.planes.showCrosshairs(false);
    this.choose(WindowLevelTool.toolName);
  }

  setSlab(change) {
    if (!this.isShown) return;
    this.planes.setSlab({ ...this.planes.slab, ...change });
    this.#update();
  }

  toggleSlab() {
    this.setSlab({ kind: this.planes.slab.kind === 'slice' ? 'mip' : 'slice' });
  }

  /** To the next thickness of the list; a slice becomes a slab first. */
  thicken(step) {
    const { kind, thicknessMm } = this.planes.slab;
    if (kind === 'slice') {
      this.toggleSlab();
      return;
    }
    const found = step > 0
      ? THICKNESSES.find((one) => one > thicknessMm)
      : THICKNESSES.findLast((one) => one < thicknessMm);
    if (found) this.setSlab({ thicknessMm: found });
  }

  preset(index) {
    const { image, frame } = this.planes.source;
    const preset = presetsFor(frame, image)[index];
    if (!preset) return;
    if (preset.table === undefined) this.planes.setWindow(toRange(preset));
    else this.planes.setCurve(headerCurve(frame, preset.table));
  }

  defaultWindow() {
    const curve = headerCurve(this.planes.source.frame, 0);
    if (curve) {
      this.planes.setCurve(curve);
      return;
    }
    const { windowCenter, windowWidth, voiLUTFunction } = this.planes.source.image;
    this.planes.setWindow(toRange({ center: windowCenter, width: windowWidth }, voiLUTFunction));
  }

  reset() {
    this.planes.reset();
    this.#update();
  }

  async savePicture(withPatient) {
    await savePlanes({ root: this.#element, views: this.planes.views, frame: this.planes.source.frame }, this.#messages, withPatient);
  }

  refuse() {
    this.#messages.notice('This works on images, not on planes. M leads back to the images.');
  }

  onContextLost() {
    if (!this.planes.isLost) return;
    this.close();
    this.planes.destroy();
    this.#messages.notice('The planes were lost: the graphics driver was reset. M builds them anew.');
  }

  async #open() {
    if (this.hindrance) {
      this.#messages.notice(`This series cannot be shown in three planes. ${this.hindrance}`);
      return;
    }
    this.#request = new AbortController();
    const { signal } = this.#request;
    this.#pane = this.#viewer.active;
    this.#pane.cine.stop();
    this.#setOpen(true);
    try {
      await this.#show(this.#pane, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.close();
      const reason = error.frame ? explainFrame(error, error.frame.instance) : error.message;
      this.#messages.notice(`This series cannot be shown in three planes. ${reason}`);
    }
  }

  async #show({ stack }, signal) {
    const { frames } = stack;
    const volume = await gatherVolume(`volume:${frames[0].series.uid}`, frames, signal, (done) => {
      this.#status.textContent = `Loading ${done} of ${frames.length} images…`;
    });
    if (stack.shown === undefined) {
      cache.removeVolumeLoadObject(volume.volumeId);
      throw new Error('The image in its pane was lost.');
    }
    const { frame, viewport, transfer } = stack; // as they are by now: a stack may have got a new viewport
    const { voiRange, invert } = viewport.getProperties();
    const image = cache.getImage(frame.imageId);
    const start = { image, voiRange, curve: transfer.curve, invert, point: middleOf(frame) };
    await this.planes.show(volume, frame, start, signal);
    this.#attach();
    this.#layers.follow(this.planes, frames);
    this.#status.textContent = '';
    this.#element.dataset.state = 'shown';
    this.planes.views[0].element.focus({ preventScroll: true });
    this.choose(CROSSHAIRS);
    this.dispatchEvent(new Event('change'));
  }

  #setOpen(isOpen) {
    this.#element.hidden = !isOpen;
    this.#element.dataset.state = isOpen ? 'loading' : '';
    this.#grid.inert = isOpen;
    this.#warn(isOpen);
    this.dispatchEvent(new Event('change'));
  }

  /** Another study, another patient: what the pane says of its images holds for their planes. */
  #warn(isOpen) {
    const { element } = this.#pane;
    const warnings = isOpen ? element.querySelectorAll('.other-study, .mismatch') : [];
    this.#element.querySelector('.warnings').replaceChildren(...[...warnings].map((one) => one.cloneNode(true)));
    if (isOpen && element.dataset.relation) this.#element.dataset.relation = element.dataset.relation;
    else delete this.#element.dataset.relation;
  }

  #attach() {
    this.#group ??= this.#makeGroup();
    for (const { viewport } of this.planes.views) {
      this.#group.addViewport(viewport.id, viewport.renderingEngineId);
    }
  }

  #makeGroup() {
    addTool(CrosshairsTool);
    const group = ToolGroupManager.createToolGroup('reconstruction');
    for (const name of Object.keys(TOOLS)) group.addTool(name);
    const surfaceOf = (element) => this.planes.surfaceOf(element);
    for (const name of [ScrollTool.toolName, TwoFingersTool.toolName]) {
      group.setToolConfiguration(name, { surfaceOf });
    }
    group.setToolConfiguration(CROSSHAIRS, {
      viewOf: (element) => this.planes.viewOf(element),
      crosshairs: () => this.planes.crosshairs,
    });
    return group;
  }

  #listen() {
    const [kind, thickness] = this.#bar.querySelectorAll('select, input');
    kind.addEventListener('change', () => this.setSlab({ kind: kind.value }));
    thickness.addEventListener('input', () => this.setSlab({ thicknessMm: thickness.valueAsNumber }));
    this.#bar.querySelector('.tie').addEventListener('click', () => this.toggleCrosshairs());
    this.#bar.querySelector('.leave').addEventListener('click', () => this.close());
    const surfaceOf = (element) => this.planes.surfaceOf(element);
    this.#element.addEventListener('wheel', wheelHandler(surfaceOf), { passive: false });
    this.#element.addEventListener('contextmenu', (event) => {
      if (event.target.closest('.picture')) event.preventDefault();
    });
    for (const type of ['series', 'grid']) this.#viewer.addEventListener(type, () => this.close());
  }

  /** What the bar says. */
  #update() {
    const { kind, thicknessMm } = this.planes.slab;
    const [select, range] = this.#bar.querySelectorAll('select, input');
    select.value = kind;
    range.value = thicknessMm;
    range.disabled = kind === 'slice';
    this.#bar.querySelector('output').textContent = `${thicknessMm} mm`;
    this.#bar.querySelector('.tie').setAttribute('aria-pressed', String(this.chosen === CROSSHAIRS));
  }
}

export const mprActions = ({ mpr }) => ({
  mpr: () => mpr.toggle(),
  crosshairs: () => mpr.toggleCrosshairs(),
  slab: () => mpr.toggleSlab(),
  thicker: () => mpr.thicken(1),
  thinner: () => mpr.thicken(-1),
});

// What means the same with and without planes.
const ANYWHERE = new Set([
  'mpr', 'crosshairs', 'slab', 'thicker', 'thinner', 'nextSeries', 'previousSeries', 'link', 'grid',
  'gridMenu', 'hangAnew', 'secondWindow', 'fullScreen', 'panel', 'overlay', 'help',
]);

/** While the reconstruction is open, what acts on the shown picture acts on its planes. */
export function overPlanes(mpr, actions) {
  const own = planeActions(mpr);
  const route = ([name, action]) => [name, (argument) => {
    if (!mpr.isOpen || ANYWHERE.has(name)) return action(argument);
    if (!mpr.isShown) return undefined; // still loading
    return name in own ? own[name](argument) : mpr.refuse();
  }];
  return Object.fromEntries(Object.entries(actions).map(route));
}

function planeActions(mpr) {
  const { planes } = mpr;
  return {
    tool: (name) => mpr.choose(name),
    next: () => planes.scroll(1),
    previous: () => planes.scroll(-1),
    nextPage: () => planes.scroll(PAGE),
    previousPage: () => planes.scroll(-PAGE),
    first: () => planes.goToEnd(0),
    last: () => planes.goToEnd(1),
    nextPane: () => planes.activateNeighbour(1),
    previousPane: () => planes.activateNeighbour(-1),
    maximise: () => planes.maximise(),
    zoomIn: () => planes.zoomBy(ZOOM_STEP),
    zoomOut: () => planes.zoomBy(1 / ZOOM_STEP),
    fit: () => planes.fit(),
    invert: () => planes.invert(),
    reset: () => mpr.reset(),
    escape: () => mpr.reset(),
    savePicture: (kind) => mpr.savePicture(kind !== 'anonymous'),
    preset: (index) => mpr.preset(index),
    defaultWindow: () => mpr.defaultWindow(),
  };
}
