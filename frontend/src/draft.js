/** The text of a report while it is written: saved soon after each change, and until it is, kept by
 * this browser for the tab, so that neither a lost connection nor an ended session takes it away.
 */
import { sendJson } from './api.js';

export const SECTIONS = ['indication', 'technique', 'comparison', 'findings', 'impression'];

const PAUSE_MS = 1500; // of typing, before it is saved
const FIRST_RETRY_MS = 4000;
const LAST_RETRY_MS = 60_000;

/** What was typed and not saved, by this reader in this tab. */
export class Keep {
  #key;

  constructor(name, study, reader) {
    this.#key = `${name}:${reader}:${study}`;
  }

  read() {
    return JSON.parse(sessionStorage.getItem(this.#key));
  }

  write(value) {
    sessionStorage.setItem(this.#key, JSON.stringify(value));
  }

  clear() {
    sessionStorage.removeItem(this.#key);
  }
}

export const textOf = (report) => Object.fromEntries(SECTIONS.map((name) => [name, report?.[name] ?? '']));

export const isSame = (one, other) => SECTIONS.every((name) => one[name] === other[name]);

/** Theirs, then mine, but nothing twice. */
export function joinTexts(theirs, mine) {
  const join = (one, other) => (one.includes(other) ? one : other.includes(one) ? other : `${one}\n\n${other}`);
  return Object.fromEntries(SECTIONS.map((name) => [name, join(theirs[name], mine[name])]));
}

/** Fires `state` whenever `state` is another: saved, changed, saving or failed. */
export class Draft extends EventTarget {
  #address;
  #keep;
  #timer;
  #retryMs = FIRST_RETRY_MS;
  #request; // promise of the saving that is under way
  #version = null; // of the server's report that the text was made of

  state = 'saved';
  error = undefined;
  report = undefined; // as the server last answered
  text = textOf();

  constructor(address, keep) {
    super();
    this.#address = address;
    this.#keep = keep;
  }

  /** Go on from the server's report. */
  begin(report) {
    clearTimeout(this.#timer);
    this.#take(report);
    this.text = textOf(report);
    this.#keep.clear();
    this.#tell('saved');
  }

  /** Write this text over the server's report, of which the reader knows. */
  replace(report, text) {
    this.#take(report);
    this.change(text);
  }

  /** Go on from what was kept; where another version was saved since, the server says so. */
  resume({ version, text }) {
    this.#version = version;
    this.change(text);
  }

  change(text) {
    this.text = text;
    this.#keep.write({ version: this.#version, text });
    this.#tell('changed');
    this.#saveIn(PAUSE_MS);
  }

  get isSaved() {
    return this.state === 'saved';
  }

  /** Save now what is not saved; `options` are those of the request. */
  async save(options) {
    while (this.#request) await this.#request; // of several that wait the first begins the next
    if (this.isSaved) return;
    clearTimeout(this.#timer);
    this.#request = this.#put(this.text, options).finally(() => (this.#request = undefined));
    await this.#request;
  }

  /** Save and sign. @throws {RequestError} */
  async sign() {
    clearTimeout(this.#timer);
    while (this.#request) await this.#request;
    clearTimeout(this.#timer); // which a failed saving has set again
    const body = { version: this.#version, ...this.text };
    try {
      this.begin(await sendJson('POST', `${this.#address}signature/`, body));
    } finally {
      if (!this.isSaved) this.#saveIn(PAUSE_MS);
    }
  }

  /** @throws {RequestError} */
  async discard() {
    clearTimeout(this.#timer);
    while (this.#request) await this.#request;
    if (this.report) await sendJson('DELETE', this.#address, { version: this.#version });
    this.begin();
  }

  #take(report) {
    this.report = report ?? undefined;
    this.#version = report?.version ?? null;
  }

  async #put(text, options) {
    this.#tell('saving');
    try {
      this.#take(await sendJson('PUT', this.#address, { version: this.#version, ...text }, options));
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#retryMs = FIRST_RETRY_MS;
    if (isSame(text, this.text)) {
      this.#keep.clear();
      this.#tell('saved');
    } else this.change(this.text); // typed on meanwhile
  }

  #fail(error) {
    this.#tell('failed', error);
    const { status } = error;
    if (status !== 0 && status < 500 && status !== 429) return; // the same again would fail again
    this.#saveIn(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  #saveIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), milliseconds);
  }

  #tell(state, error) {
    this.state = state;
    this.error = error;
    this.dispatchEvent(new Event('state'));
  }
}
