/** A second window for another study; the two tell each other whom they show.
 *
 * Fires `paired` when the other one is there, and `said` with `{ what, value }` of what else it says, as
 * long as it shows the same patient.
 */
import { differences } from './identity.js';
import { link } from './messages.js';

const NAME = 'pacs-beside-'; // of the second window, followed by what both windows call themselves
const KEY = 'pacs-pair';

export class SecondWindow extends EventTarget {
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
    super();
    this.#identity = identity;
    this.#bar = bar;
    this.#messages = messages;
    this.#channel.addEventListener('message', ({ data }) => this.#hear(data));
    addEventListener('pagehide', () => this.say('gone'));
    if (this.#pair) this.say('here');
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

  say(what, value) {
    if (this.#pair) this.#channel.postMessage({ what, value, pair: this.#pair, identity: this.#identity });
  }

  #hear({ what, value, pair, identity }) {
    if (!pair || pair !== this.#pair) return;
    if (what === 'gone') {
      this.#warn('');
      return;
    }
    if (what === 'here') this.say('answer');
    const differing = differences(this.#identity, identity);
    this.#warn(differing.length ? `The other window shows another patient: ${identity.readable}, ` +
      `ID ${identity.id || 'not stated'}. This one: ${this.#identity.readable}, ` +
      `ID ${this.#identity.id || 'not stated'}. They differ in ${differing.join(', ')}.` : '');
    if (differing.length) return;
    if (what === 'here') this.dispatchEvent(new Event('paired'));
    else this.dispatchEvent(new CustomEvent('said', { detail: { what, value } }));
  }

  #warn(words) {
    this.#bar.textContent = words;
    this.#bar.hidden = !words;
  }
}
