/** Loads the rest of the stacks on the screen, each from where its reader is outward.
 *
 * The stacks take turns, so that no pane waits for another one. A frame that a reader waits for goes
 * before all of them: meanwhile nothing is begun, and what is under way far from the reader is given up.
 */
import { cache, Enums } from '@cornerstonejs/core';

import {
  dropFrame, giveUpFrame, isLoaded, isReaderWaiting, loadFrame, whenReaderServed,
} from './cornerstone.js';
import { frameBytes } from './displaysets.js';

const PARALLEL = 4; // a browser opens six connections; two stay free for the image asked for
const NEAR = PARALLEL; // frames from the reader within which a request is let go on
const REFUSALS = [0, 401, 403, 429, 503]; // HTTP status, 0 without an answer
const CACHE_SHARE = 0.8; // the rest is room for the series shown before
const KEPT = 1.1; // of what is loaded around the reader; so small steps do not load and drop in turn

const stacks = []; // those that are open, the next one to take its turn first
let underWay = 0;

function fill() {
  let idle = 0;
  while (underWay < PARALLEL && idle < stacks.length && !isReaderWaiting()) {
    const stack = stacks.shift();
    stacks.push(stack);
    idle = stack.loadNext() ? 0 : idle + 1;
  }
}

whenReaderServed(fill);

export class Prefetch {
  #frames = [];
  #position = 0;
  // All frames between these two are loaded, under way or failed: the next one is at one of them.
  #below = -1;
  #above = 0;
  #loading = new Map(); // image id → index
  #failed = new Set(); // indices
  #isRefused = false;

  /** The reader sees `position` of `frames`: what is fetched next lies around it. */
  around(frames, position) {
    if (frames !== this.#frames) this.#begin(frames);
    this.#isRefused = false; // the frame that is shown now says that the server answers again
    this.#moveTo(position);
    fill();
  }

  /** The reader waits for `position`: what is under way elsewhere only takes from it. */
  toward(position) {
    if (!this.#frames.length) return;
    this.#moveTo(position);
    for (const [imageId, index] of this.#loading) {
      if (Math.abs(index - position) > NEAR) giveUpFrame(imageId);
    }
  }

  /** Give up the stack; requests under way are cancelled. */
  stop() {
    this.#frames = [];
    const place = stacks.indexOf(this);
    if (place >= 0) stacks.splice(place, 1);
    for (const imageId of this.#loading.keys()) giveUpFrame(imageId);
  }

  #moveTo(position) {
    // A frame that the cache has let go of may not be the only one.
    const isOutside =
      position <= this.#below || position >= this.#above || !isLoaded(this.#frames[position].imageId);
    this.#dropAround(position);
    this.#position = position;
    if (isOutside) [this.#below, this.#above] = [position - 1, position];
  }

  #begin(frames) {
    this.stop();
    this.#frames = frames;
    this.#failed = new Set();
    this.#loading = new Map();
    [this.#below, this.#above] = [-1, 0];
    this.#position = 0;
    stacks.push(this);
  }

  /** How many frames to each side of the reader fit into this stack's share of the cache. */
  get #reach() {
    const shown = this.#frames[this.#position];
    const bytes = cache.getImage(shown.imageId)?.sizeInBytes ?? frameBytes(shown);
    const fitting = (cache.getMaxCacheSize() * CACHE_SHARE) / stacks.length / bytes;
    return Math.max(1, Math.floor(fitting / 2));
  }

  /** Begin the request for the frame nearest to the reader; whether there was one to be made. */
  loadNext() {
    const index = this.#isRefused ? undefined : this.#nextIndex();
    if (index === undefined) return false;
    this.#load(index);
    return true;
  }

  #nextIndex() {
    const reach = this.#reach;
    const first = Math.max(0, this.#position - reach);
    const last = Math.min(this.#frames.length - 1, this.#position + reach);
    while (this.#above <= last || this.#below >= first) {
      const isBelow =
        this.#above > last ||
        (this.#below >= first && this.#position - this.#below < this.#above - this.#position);
      const index = isBelow ? this.#below-- : this.#above++;
      const { imageId } = this.#frames[index];
      if (!isLoaded(imageId) && !this.#failed.has(index) && !this.#loading.has(imageId)) return index;
    }
    return undefined;
  }

  async #load(index) {
    const frames = this.#frames;
    const [loading, failed] = [this.#loading, this.#failed];
    const { imageId } = frames[index];
    loading.set(imageId, index);
    underWay += 1;
    try {
      await loadFrame(imageId, Enums.RequestType.Prefetch);
    } catch (error) {
      if (error.name === 'AbortError') this.#askAgain(frames, index);
      else {
        // Nobody waits for this frame yet; its error is told when the reader comes to it. Where the
        // server refuses every frame, do not ask for the others.
        failed.add(index);
        if (REFUSALS.includes(error.status) && frames === this.#frames) this.#isRefused = true;
      }
    } finally {
      loading.delete(imageId);
      underWay -= 1;
      fill();
    }
  }

  /** A frame that was given up is missing: what is looked at next must not lie behind it. */
  #askAgain(frames, index) {
    if (frames !== this.#frames) return;
    if (index >= this.#position) this.#above = Math.min(this.#above, index);
    else this.#below = Math.max(this.#below, index);
  }

  /** Where not all frames fit, those leave that are far from the reader once he is at `position`. */
  #dropAround(position) {
    const kept = Math.ceil(this.#reach * KEPT);
    if (this.#frames.length <= 2 * kept + 1 || position === this.#position) return;
    const [was, is] = [this.#position, position].map((center) => [center - kept, center + kept]);
    const [first, last] = [Math.max(0, was[0]), Math.min(this.#frames.length - 1, was[1])];
    for (let index = first; index <= last; index += 1) {
      if (index < is[0] || index > is[1]) dropFrame(this.#frames[index].imageId);
    }
    this.#below = Math.max(this.#below, is[0] - 1);
    this.#above = Math.min(this.#above, is[1] + 1);
  }
}
