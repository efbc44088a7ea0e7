/** Plays the frames of the shown instance when it has several, else the whole stack, in a loop. */
import { number } from './attributes.js';

const DEFAULT_RATE = 10;
const MAXIMUM_RATE = 60;
const RATES = [1, 2, 3, 4, 5, 7, 10, 12, 15, 20, 25, 30, 40, 50, MAXIMUM_RATE];

export class Cine {
  #stack;
  #onChange;
  #timer;
  #chosen = {}; // the frames for which the reader chose a rate, and the rate

  constructor(stack, onChange) {
    this.#stack = stack;
    this.#onChange = onChange;
  }

  get isPlaying() {
    return this.#timer !== undefined;
  }

  /** Frames per second: as chosen for this stack, else of the shown instance. */
  get rate() {
    const { frame, frames } = this.#stack;
    return this.#chosen.frames === frames ? this.#chosen.rate : frameRate(frame?.instance ?? {});
  }

  faster() {
    this.#choose(RATES.find((rate) => rate > this.rate));
  }

  slower() {
    this.#choose(RATES.findLast((rate) => rate < this.rate));
  }

  #choose(rate) {
    if (rate === undefined || this.#stack.frames.length < 2) return;
    this.#chosen = { frames: this.#stack.frames, rate };
    if (this.isPlaying) this.#start();
    else this.#onChange();
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
    clearInterval(this.#timer);
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
