/** Loads the rest of a stack, always the frame nearest to where the reader is now. */
import { cache, Enums } from '@cornerstonejs/core';

import { abortRequests, isLoaded, loadFrame } from './cornerstone.js';
import { frameBytes } from './displaysets.js';

const PARALLEL = 4; // a browser opens six connections; two stay free for the image asked for
const REFUSALS = [0, 401, 403, 429, 503]; // HTTP status, 0 without an answer
const CACHE_SHARE = 0.8; // the rest is room for the series shown before

export class Prefetch {
  #frames = [];
  #skip = new Set(); // under way, or failed
  #position = 0;
  #reach = 0;
  #active = 0;

  /** The reader is at `position` of `frames`: what is fetched next lies around it. */
  around(frames, position) {
    // No reach: the server refused; the frame that is shown now says that it answers again.
    if (frames !== this.#frames || !this.#reach) this.#begin(frames, position);
    this.#position = position;
    this.#fill();
  }

  /** Give up the stack; requests under way are cancelled. */
  stop() {
    abortRequests(this.#frames);
    this.#frames = [];
    this.#skip = new Set();
  }

  #begin(frames, position) {
    this.#frames = frames;
    this.#skip = new Set();
    const fitting = Math.floor((cache.getMaxCacheSize() * CACHE_SHARE) / frameBytes(frames[position]));
    this.#reach = Math.max(1, Math.min(frames.length, Math.floor(fitting / 2)));
  }

  #fill() {
    while (this.#active < PARALLEL) {
      const next = this.#nearest();
      if (!next) return;
      this.#load(next.imageId);
    }
  }

  #nearest() {
    for (let distance = 0; distance <= this.#reach; distance += 1) {
      for (const index of [this.#position + distance, this.#position - distance]) {
        const frame = this.#frames[index];
        if (frame && !this.#skip.has(frame.imageId) && !isLoaded(frame.imageId)) return frame;
      }
    }
    return undefined;
  }

  async #load(imageId) {
    const frames = this.#frames;
    this.#skip.add(imageId);
    this.#active += 1;
    try {
      await loadFrame(imageId, Enums.RequestType.Prefetch);
      this.#skip.delete(imageId);
    } catch (error) {
      // Nobody waits for this frame yet; its error is told when the reader comes to it. Where the
      // server refuses every frame, do not ask for the others.
      if (REFUSALS.includes(error.status) && frames === this.#frames) this.#reach = 0;
    } finally {
      this.#active -= 1;
      this.#fill();
    }
  }
}
