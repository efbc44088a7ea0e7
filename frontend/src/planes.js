/** Three planes through one volume: their viewports, their text, and what is common to them. */
import { cache, CONSTANTS, Enums, RenderingEngine, utilities } from '@cornerstonejs/core';

import { destroyEngine, isContextLost } from './cornerstone.js';
import { Crosshairs, pixelsPerMm } from './crosshairs.js';
import { dot } from './geometry.js';
import { edgeLetters } from './orientation.js';
import { grayScale, patientLines, studyLines } from './overlay.js';
import { drawScaleBar } from './scale.js';
import { curveName, drawBy } from './transfer.js';
import { unitOf } from './units.js';

const { BlendModes, Events, OrientationAxis, ViewportType } = Enums;
const ENGINE = 'reconstruction';
const PLANES = { axial: 'Axial', coronal: 'Coronal', sagittal: 'Sagittal' };
const PARTS = { corner: ['patient', 'study', 'image', 'window', 'value'], edge: ['top', 'right', 'bottom', 'left'] };
const OBLIQUE = 0.999; // cosine between a plane and the axis that it is named after

/** How the voxels in the depth of a slab become one value. */
export const SLABS = {
  slice: { label: 'Slice', blend: BlendModes.COMPOSITE },
  mip: { label: 'MIP', blend: BlendModes.MAXIMUM_INTENSITY_BLEND },
  minip: { label: 'MinIP', blend: BlendModes.MINIMUM_INTENSITY_BLEND },
  mean: { label: 'Average', blend: BlendModes.AVERAGE_INTENSITY_BLEND },
};

export class Planes {
  #container;
  #engine; // made once and kept: a browser takes contexts back late, and the oldest ones first
  #volume;
  #start; // what reset goes back to
  #frame; // whose header names the patient and the series

  views = [];
  active = undefined;
  crosshairs = undefined;
  curve = undefined; // by which the planes are shown, instead of a window
  slab = { kind: 'slice', thicknessMm: 10 };

  constructor(container) {
    this.#container = container;
    new ResizeObserver(() => this.#resize()).observe(container);
  }

  /** Show `volume`, to which `frame` belongs; `start` has its image, voiRange or curve, invert and the first point. */
  async show(volume, frame, start, signal) {
    this.#engine ??= new RenderingEngine(ENGINE);
    [this.#volume, this.#frame, this.#start] = [volume, frame, start];
    this.views = Object.keys(PLANES).map(makeView);
    this.#container.replaceChildren(...this.views.map(({ box }) => box));
    for (const view of this.views) this.#enable(view);
    await Promise.all(this.views.map(({ viewport }) => this.#mount(viewport)));
    signal.throwIfAborted(); // `views` may be those of the next one by now
    this.crosshairs = new Crosshairs(this.views);
    for (const view of this.views) this.#listen(view);
    this.activate(this.views[0]);
    this.reset();
  }

  clear() {
    if (!this.views.length) return;
    const window = this.#engine.getOffscreenMultiRenderWindow(this.views[0].viewport.id);
    this.#volume.vtkOpenGLTexture.releaseGraphicsResources(window.getOpenGLRenderWindow());
    for (const { viewport } of this.views) this.#engine.disableElement(viewport.id);
    this.#container.replaceChildren();
    this.#container.removeAttribute('data-maximised');
    cache.removeVolumeLoadObject(this.#volume.volumeId); // its frames stay for the stacks
    this.views = [];
    this.#volume = undefined;
  }

  get isLost() {
    return Boolean(this.#engine) && isContextLost(this.#engine);
  }

  destroy() {
    this.clear();
    destroyEngine(this.#engine);
    this.#engine = undefined;
  }

  viewOf(element) {
    return this.views.find((view) => view.element === element);
  }

  /** As gestures.js wants it. */
  surfaceOf(element) {
    const view = this.viewOf(element);
    return {
      length: this.#scrollInfo(view).numScrollSteps + 1,
      scroll: (steps) => this.scroll(steps, view),
      zoomBy: (factor) => this.zoomBy(factor, view),
    };
  }

  get depthMm() {
    return this.#volume.spacing[2];
  }

  /** What windows are chosen by. */
  get source() {
    return { image: this.#start.image, frame: this.#frame };
  }

  showCrosshairs(isVisible) {
    this.crosshairs.isVisible = isVisible;
    this.crosshairs.draw();
  }

  activate(view) {
    this.active = view;
    for (const { box } of this.views) box.toggleAttribute('data-active', box === view.box);
  }

  activateNeighbour(step) {
    const count = this.views.length;
    const next = this.views[(this.views.indexOf(this.active) + step + count) % count];
    this.activate(next);
    next.element.focus({ preventScroll: true });
  }

  /** Give the active plane the whole place, or the others theirs back. */
  maximise() {
    this.#container.toggleAttribute('data-maximised');
  }

  #enable(view) {
    this.#engine.enableElement({
      viewportId: view.id,
      type: ViewportType.ORTHOGRAPHIC,
      element: view.element,
      defaultOptions: { background: [0, 0, 0], orientation: OrientationAxis[view.name.toUpperCase()] },
    });
    view.element.tabIndex = 0; // enableElement takes it out of the tab order
    view.viewport = this.#engine.getViewport(view.id);
  }

  async #mount(viewport) {
    const { volumeId, spacing } = this.#volume;
    // Upstream samples a ray by the mean of the spacings: between thick slices that misses pixels.
    const callback = ({ volumeActor }) => volumeActor.getMapper().setSampleDistance(Math.min(...spacing));
    await viewport.setVolumes([{ volumeId, callback }]);
  }

  #listen(view) {
    view.box.addEventListener('pointerdown', () => this.activate(view), true);
    view.box.addEventListener('focusin', () => this.activate(view));
    view.box.addEventListener('dblclick', () => this.maximise());
    view.element.addEventListener(Events.CAMERA_MODIFIED, () => this.#write(view));
    view.element.addEventListener(Events.VOI_MODIFIED, () => this.#share(view));
    view.element.addEventListener('mousemove', (event) => this.#readOut(view, event));
    view.element.addEventListener('mouseleave', () => (view.parts.value.textContent = ''));
  }

  #resize() {
    if (!this.views.length) return;
    this.#engine.resize(true, true);
    this.crosshairs?.draw();
  }

  /** The window of one plane is that of all, and takes the place of a curve. */
  #share(source) {
    if (this.curve) this.#drawAllBy(undefined);
    const { voiRange, invert } = source.viewport.getProperties();
    for (const view of this.views) {
      if (view !== source) view.viewport.setProperties({ voiRange, invert }, undefined, true);
      view.viewport.render();
      this.#write(view);
    }
  }

  setWindow(voiRange) {
    this.views[0].viewport.setProperties({ voiRange });
  }

  /** Show all planes by a curve, see transfer.js. */
  setCurve(curve) {
    const { lower, upper } = curve;
    for (const { viewport } of this.views) viewport.setProperties({ voiRange: { lower, upper } }, undefined, true);
    this.#drawAllBy(curve);
  }

  #drawAllBy(curve) {
    this.curve = curve;
    for (const view of this.views) {
      drawBy(view.viewport, curve);
      view.viewport.render();
      this.#write(view);
    }
  }

  invert() {
    const { viewport } = this.views[0];
    const { voiRange, invert } = viewport.getProperties();
    if (this.curve) {
      for (const view of this.views) view.viewport.setProperties({ invert: !invert }, undefined, true);
      this.#drawAllBy(this.curve);
      return;
    }
    viewport.setProperties({ invert: !invert }, undefined, true);
    viewport.setProperties({ voiRange });
  }

  scroll(steps, { viewport } = this.active) {
    utilities.scroll(viewport, { volumeId: this.#volume.volumeId, delta: steps });
  }

  /** To the first (0) or the last (1) slice. */
  goToEnd(end) {
    const { numScrollSteps, currentStepIndex } = this.#scrollInfo(this.active);
    this.scroll(end * numScrollSteps - currentStepIndex);
  }

  #scrollInfo({ viewport }) {
    return utilities.getVolumeViewportScrollInfo(viewport, this.#volume.volumeId);
  }

  zoomBy(factor, { viewport } = this.active) {
    viewport.setZoom(viewport.getZoom() * factor);
    viewport.render();
  }

  fit() {
    const { viewport } = this.active;
    viewport.resetCamera({ resetOrientation: false, resetRotation: false });
    this.crosshairs.moveTo(this.crosshairs.point);
    viewport.render();
  }

  /** Straight planes, the first point, the window of the stack, no slab. */
  reset() {
    const { voiRange, curve, invert, point } = this.#start;
    for (const { viewport, name } of this.views) {
      viewport.setOrientation(OrientationAxis[name.toUpperCase()], false);
      viewport.setProperties({ voiRange, invert }, undefined, true);
    }
    this.setSlab({ ...this.slab, kind: 'slice' });
    this.crosshairs.moveTo(point);
    this.#share(this.views[0]);
    if (curve) this.setCurve(curve);
  }

  setSlab(slab) {
    this.slab = slab;
    const isSlab = slab.kind !== 'slice';
    // The clipping planes lie this far to both sides of the plane.
    const half = isSlab ? slab.thicknessMm / 2 : CONSTANTS.RENDERING_DEFAULTS.MINIMUM_SLAB_THICKNESS;
    for (const view of this.views) {
      view.viewport.setBlendMode(SLABS[slab.kind].blend);
      view.viewport.setSlabThickness(half);
      view.viewport.render();
      this.#write(view);
    }
    this.crosshairs.slabMm = isSlab ? slab.thicknessMm : 0;
    this.crosshairs.draw();
  }

  #write(view) {
    const { viewport, parts } = view;
    const { instance } = this.#frame;
    const { voiRange, invert } = viewport.getProperties();
    const isInverted = Boolean(invert) !== Boolean(this.#start.invert) ? 'inverted' : '';
    const lines = {
      patient: patientLines(instance),
      study: studyLines(instance),
      image: [this.#slabLine(), ...this.#placeLines(view)],
      window: [[this.#shades(voiRange), isInverted].filter(Boolean).join('  ')],
    };
    for (const [corner, texts] of Object.entries(lines)) {
      parts[corner].textContent = texts.filter(Boolean).join('\n');
    }
    for (const [edge, letters] of Object.entries(edgeLetters(viewport, this.#frame))) {
      parts[edge].textContent = letters;
    }
    drawScaleBar(view.box, pixelsPerMm(viewport));
  }

  #shades(voiRange) {
    const { image } = this.#start;
    if (this.curve) return curveName(this.curve);
    const kind = image.voiLUTFunction === 'SIGMOID' ? 'linear, not sigmoid as the header has it' : '';
    return [grayScale(image, this.#frame, voiRange), kind].filter(Boolean).join('  ');
  }

  #slabLine() {
    const { kind, thicknessMm } = this.slab;
    return kind === 'slice' ? '' : `${SLABS[kind].label} ${thicknessMm} mm`;
  }

  /** The plane's name and its place on the axis that it is named after. */
  #placeLines({ viewport, name }) {
    const { viewPlaneNormal, focalPoint } = viewport.getCamera();
    const axis = CONSTANTS.MPR_CAMERA_VALUES[name].viewPlaneNormal.map(Math.abs);
    if (Math.abs(dot(viewPlaneNormal, axis)) < OBLIQUE) return [`${PLANES[name]}, oblique`];
    return [PLANES[name], `Location ${dot(focalPoint, axis).toFixed(1)} mm`];
  }

  /** The value of the voxel under the pointer; a slab has no single voxel there. */
  #readOut({ viewport, element, parts }, event) {
    const { left, top } = element.getBoundingClientRect();
    const world = viewport.canvasToWorld([event.clientX - left, event.clientY - top]);
    const { imageData, voxelManager } = this.#volume;
    const voxel = imageData.worldToIndex(world).map(Math.round);
    const isInside = voxel.every((index, axis) => index >= 0 && index < this.#volume.dimensions[axis]);
    const value = isInside && this.slab.kind === 'slice' ? voxelManager.getAtIJK(...voxel) : undefined;
    parts.value.textContent = value === undefined ? '' : `${Number(value.toFixed(2))} ${unitOf(this.#start.image, this.#frame)}`.trim();
  }
}

function makeView(name) {
  const box = document.createElement('div');
  box.className = 'plane';
  box.dataset.plane = name;
  const element = Object.assign(document.createElement('div'), { className: 'picture' });
  element.setAttribute('role', 'application');
  element.setAttribute('aria-label', `${PLANES[name]} plane. Arrow keys change the slice.`);
  box.append(element);
  const parts = {};
  for (const [className, names] of Object.entries(PARTS)) {
    for (const part of names) {
      parts[part] = Object.assign(document.createElement('p'), { className });
      parts[part].dataset.overlay = part;
    }
  }
  box.append(...Object.values(parts));
  return { id: `${ENGINE}-${name}`, name, box, element, parts };
}
