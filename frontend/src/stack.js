/** One stack in a viewport: which frame is wanted, which is shown, and never the two confused. */
import { Enums, RenderingEngine } from '@cornerstonejs/core';

import { destroyEngine, isContextLost, isCpuRendering, isLoaded, loadFrameInTime } from './cornerstone.js';
import { Prefetch } from './prefetch.js';
import { Transfer } from './transfer.js';

const { Events, ViewportType } = Enums;
const SETTLE_MS = 40; // frames passed faster than this while scrolling are not asked for

export class Stack {
  #element;
  #listener;
  #engine;
  #id;
  #observer;
  #prefetch = new Prefetch();
  #mounted = []; // the frames that the viewport holds
  #timer;
  #wait = new AbortController(); // for the frame that is wanted

  frames = [];
  wanted = 0;
  shown = undefined; // index of the frame on the screen

  /**
   * @param listener object with onLoading(), onShown(), onChanged() and onFailed(error)
   * @param id names the rendering engine and its only viewport
   */
  constructor(element, listener, id) {
    this.#element = element;
    this.#listener = listener;
    this.#id = id;
    this.#engine = new RenderingEngine(id);
    this.#enable();
    this.transfer = new Transfer(this, element);
    element.addEventListener(Events.IMAGE_RENDERED, () => this.#onRendered());
    element.addEventListener(Events.VOI_MODIFIED, () => this.#onChanged());
    element.addEventListener(Events.CAMERA_MODIFIED, () => this.#onChanged());
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(element);
  }

  #enable() {
    if (this.viewport) this.#engine.disableElement(this.#id);
    this.#engine.enableElement({
      viewportId: this.#id,
      type: ViewportType.STACK,
      element: this.#element,
      defaultOptions: { background: [0, 0, 0] },
    });
    this.#element.tabIndex = 0; // enableElement takes it out of the tab order
    this.#element.dispatchEvent(new Event('viewport-enabled', { bubbles: true }));
  }

  /** What fitted fits again; zoom and shift are shares of that (but not on the processor). */
  #resize() {
    if (this.shown === undefined || isCpuRendering() || !this.#element.clientWidth) {
      this.#engine.resize(true, true);
      return;
    }
    const presentation = this.viewport.getViewPresentation();
    this.#engine.resize(true, false);
    this.viewport.setViewPresentation(presentation);
    this.viewport.render();
  }

  get viewport() {
    return this.#engine.getViewport(this.#id);
  }

  /** Whether the graphics card took back its memory. */
  get isLost() {
    return isContextLost(this.#engine);
  }

  /** The frame on the screen; before there is one, the one that is wanted. */
  get frame() {
    return this.frames[this.shown ?? this.wanted];
  }

  get #wantedFrame() {
    return this.frames[this.wanted];
  }

  get isLoading() {
    return this.shown !== this.wanted;
  }

  open(frames, index) {
    this.close();
    this.frames = frames;
    this.wanted = index;
    this.#load();
  }

  /** Forget the stack; the viewport keeps its last picture, so cover it. */
  close() {
    clearTimeout(this.#timer);
    this.#wait.abort();
    this.#prefetch.stop();
    this.frames = [];
    this.shown = undefined;
  }

  destroy() {
    this.close();
    this.#observer.disconnect();
    destroyEngine(this.#engine);
  }

  /** Show the frame at `index`, or the nearest that there is. */
  goTo(index) {
    const target = Math.max(0, Math.min(this.frames.length - 1, index));
    if (!this.frames.length || target === this.wanted) return;
    this.wanted = target;
    clearTimeout(this.#timer);
    this.#wait.abort();
    if (isLoaded(this.#wantedFrame.imageId)) this.#display();
    else this.#timer = setTimeout(() => this.#load(), SETTLE_MS);
  }

  retry() {
    this.#load();
  }

  /** Back to how the frame looked when its series was opened. */
  reset() {
    if (this.shown === undefined) return;
    this.#mounted = [];
    this.shown = undefined;
    this.#display();
  }

  async #load() {
    const frame = this.#wantedFrame;
    this.#listener.onLoading();
    this.#wait = new AbortController();
    const { signal } = this.#wait;
    this.#prefetch.toward(this.wanted);
    try {
      await loadFrameInTime(frame.imageId, signal);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
      return;
    }
    if (!signal.aborted) await this.#display();
  }

  #fail(error) {
    this.shown = undefined;
    this.#listener.onFailed(error);
  }

  async #display() {
    const { frames, wanted } = this;
    const frame = frames[wanted];
    try {
      if (this.#mounted === frames) await this.#step(wanted);
      else await this.#setStack(frames, wanted);
      this.transfer.follow();
      this.viewport.render(); // a frame that the viewport still holds is not drawn again by itself
    } catch (error) {
      if (frame === this.#wantedFrame) this.#fail(error);
    }
  }

  /** The CPU backend keeps the window on the screen but names that of the new image's header. */
  async #step(index) {
    const { voiRange } = this.viewport.getProperties();
    await this.viewport.setImageIdIndex(index);
    if (isCpuRendering() && voiRange && !this.transfer.curve) this.viewport.setProperties({ voiRange });
  }

  /** A new viewport for a new stack: zoom, turns and window of the last one do not carry over. */
  async #setStack(frames, index) {
    this.#mounted = frames;
    this.#enable();
    this.transfer.reset();
    await this.viewport.setStack(frames.map((frame) => frame.imageId), index);
    // The CPU backend inverts MONOCHROME1 without noting it among the properties.
    const image = this.viewport.getCornerstoneImage();
    if (isCpuRendering() && image) this.viewport.setProperties({ invert: image.invert });
  }

  /** The frame on the screen is the one whose pixels the viewport holds, even if another is wanted by now. */
  #onRendered() {
    const index = this.#indexOf(this.viewport.getCornerstoneImage()?.imageId);
    if (index === undefined) return;
    const isNew = this.shown !== index;
    this.shown = index;
    if (isNew && !this.isLoading) this.#prefetch.around(this.frames, index);
    this.#listener.onShown();
  }

  /** Under a cover (nothing is shown yet, or it failed) only what is wanted may come to light. */
  #indexOf(imageId) {
    if (!imageId) return undefined;
    const near = [this.wanted, this.shown].find((index) => this.frames[index]?.imageId === imageId);
    if (near !== undefined || this.shown === undefined) return near;
    const index = this.frames.findIndex((frame) => frame.imageId === imageId);
    return index < 0 ? undefined : index;
  }

  #onChanged() {
    if (!this.isLoading) this.#listener.onChanged();
  }
}
