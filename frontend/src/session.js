/** Says in time that the session will end, and has unsaved work saved before it does.
 *
 * Fires `save-work` on the document at each warning: whoever holds work that the server does not
 * have yet saves it then. What cannot be saved belongs into sessionStorage, which outlives sign-in.
 */
import { getJson, sendJson } from './api.js';
import { button } from './messages.js';

const PATH = '/api/session/';
const WARNINGS = [120, 30]; // seconds before the end
const AGAIN_MS = 30_000; // after the server has not answered
const TELL_MS = 60_000; // at most so often that somebody is there

export class Session {
  #messages;
  #timer;
  #warned = Infinity; // the last warning that was given, in seconds before the end
  #hasEnded = false;
  #toldAt = Date.now();

  constructor(messages) {
    this.#messages = messages;
    // A computer that slept runs no timers; another tab may have prolonged the session.
    document.addEventListener('visibilitychange', () => document.hidden || this.ask());
    // Who reads images that are loaded asks the server for nothing, and is there all the same.
    for (const kind of ['pointerdown', 'pointermove', 'keydown', 'wheel']) {
      document.addEventListener(kind, () => this.#onActivity(), { passive: true, capture: true });
    }
  }

  #onActivity() {
    if (this.#warned !== Infinity || this.#hasEnded || Date.now() - this.#toldAt < TELL_MS) return;
    this.#toldAt = Date.now();
    sendJson('POST', PATH).then((answer) => this.#note(answer.remaining_seconds), () => {});
  }

  /** Ask the server, which alone knows, and again when it is time for the next warning. */
  async ask() {
    if (this.#hasEnded) return;
    try {
      this.#note((await getJson(PATH)).remaining_seconds);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  async #prolong() {
    try {
      this.#note((await sendJson('POST', PATH)).remaining_seconds);
      this.#messages.session('You stay signed in.');
    } catch (error) {
      this.#onFailure(error);
    }
  }

  #note(seconds) {
    const due = WARNINGS.filter((limit) => seconds <= limit).at(-1);
    if (due === undefined) this.#warned = Infinity;
    else if (due < this.#warned) this.#warn(due, seconds);
    const next = WARNINGS.find((limit) => limit < seconds) ?? 0;
    this.#askIn((seconds - next) * 1000);
  }

  #warn(due, seconds) {
    this.#warned = due;
    document.dispatchEvent(new Event('save-work'));
    const time = new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { timeStyle: 'short' });
    const left = seconds > 90 ? `${Math.round(seconds / 60)} minutes` : `${seconds} seconds`;
    this.#messages.session(`Your session ends in ${left}, at ${time}.`, [
      button('Stay signed in', () => this.#prolong()),
    ]);
  }

  #onFailure(error) {
    if (error.status === 401) this.#end();
    else this.#askIn(AGAIN_MS);
  }

  #end() {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#messages.sessionEnded();
  }

  #askIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.ask(), Math.max(1000, milliseconds));
  }
}
