/** Plays the frames of the shown instance when it has several, else the whole stack, in a loop. */
import { number } from './attributes.js';

const DEFAULT_RATE = 10;
const MAXIMUM_RATE = 60;

export class Cine {
  #stack;
  #onChange;
  #timer;

  constructor(stack, onChange) {
    this.#stack = stack;
    this.#onChange = onChange;
  }

  get isPlaying() {
    return this.#timer !== undefined;
  }

  /** Frames per second of the shown instance. */
  get rate() {
    return frameRate(this.#stack.frame?.instance ?? {});
  }

  toggle() {
    if (this.isPlaying) this.stop();
    else this.#start();
  }

  stop() {
    if (!this.isPlaying) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#onChange();
  }

  #start() {
    if (this.#stack.frames.length < 2) return;
    this.#timer = setInterval(() => this.#advance(), 1000 / this.rate);
    this.#onChange();
  }

  /** A frame that is not there yet is waited for, not skipped: what is missed cannot be read. */
  #advance() {
    if (this.#stack.isLoading) return;
    const { frame, frames, wanted } = this.#stack;
    const isMultiFrame = frame.frameCount > 1;
    const first = isMultiFrame ? wanted - (frame.frame - 1) : 0;
    const count = isMultiFrame ? frame.frameCount : frames.length;
    this.#stack.goTo(first + ((wanted - first + 1) % count));
  }
}

/** Recommended Display Frame Rate, Cine Rate, or what Frame Time or its vector in ms come to. */
function frameRate(instance) {
  const vector = (instance['00181065']?.Value ?? []).slice(1).map(Number); // the first is 0
  const mean = vector.reduce((sum, time) => sum + time, 0) / vector.length;
  const rate =
    number(instance, '00082144') ||
    number(instance, '00180040') ||
    1000 / number(instance, '00181063') ||
    1000 / mean;
  return Number.isFinite(rate) && rate > 0 ? Math.min(rate, MAXIMUM_RATE) : DEFAULT_RATE;
}
