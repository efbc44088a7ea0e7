/** A second window for another study; the two tell each other whom they show. */
import { differences } from './identity.js';
import { link } from './messages.js';

const NAME = 'pacs-beside-'; // of the second window, followed by what both windows call themselves
const KEY = 'pacs-pair';

export class SecondWindow {
  #channel = new BroadcastChannel('pacs-viewer');
  #identity;
  #bar;
  #messages;
  #pair = window.name.startsWith(NAME) ? window.name.slice(NAME.length) : sessionStorage.getItem(KEY);

  /**
   * @param identity of the page's patient
   * @param bar the line that warns; above all else, and not to be closed
   */
  constructor(identity, bar, messages) {
    this.#identity = identity;
    this.#bar = bar;
    this.#messages = messages;
    this.#channel.addEventListener('message', ({ data }) => this.#hear(data));
    addEventListener('pagehide', () => this.#say('gone'));
    if (this.#pair) this.#say('here');
  }

  open(study) {
    if (!this.#pair) {
      this.#pair = `${Date.now()}-${Math.random()}`;
      sessionStorage.setItem(KEY, this.#pair);
    }
    const [address, target] = [`/studies/${study.uid}/view/`, `${NAME}${this.#pair}`];
    if (window.open(address, target, 'popup')) return;
    const opener = link(`Open ${study.label}`, address, { target });
    this.#messages.notice('The browser blocked the second window.', [opener]);
  }

  #say(what) {
    this.#channel.postMessage({ what, pair: this.#pair, identity: this.#identity });
  }

  #hear({ what, pair, identity }) {
    if (!pair || pair !== this.#pair) return;
    if (what === 'gone') return this.#warn('');
    if (what === 'here') this.#say('answer');
    const differing = differences(this.#identity, identity);
    this.#warn(differing.length ? `The other window shows another patient: ${identity.readable}, ` +
      `ID ${identity.id || 'not stated'}. This one: ${this.#identity.readable}, ` +
      `ID ${this.#identity.id || 'not stated'}. They differ in ${differing.join(', ')}.` : '');
  }

  #warn(words) {
    this.#bar.textContent = words;
    this.#bar.hidden = !words;
  }
}
