/** What the page says: over the picture instead of an image, and in the bar. */
import { downloadUrl } from './dicomweb.js';

export class Messages {
  #panel;
  #title;
  #detail;
  #actions;
  #notice;

  constructor(page) {
    this.#panel = page.querySelector('#message');
    [this.#title, this.#detail, this.#actions] = this.#panel.querySelectorAll('[data-part]');
    this.#notice = page.querySelector('#notice');
  }

  /** Cover the picture. `actions` are links and buttons. */
  cover(title, detail = '', actions = []) {
    this.#title.textContent = title;
    this.#detail.textContent = detail;
    this.#actions.replaceChildren(...actions);
    this.#panel.hidden = false;
  }

  uncover() {
    this.#panel.hidden = true;
  }

  /** A line over the picture, until it is closed. */
  notice(line, actions = []) {
    const close = button('Close', () => (this.#notice.hidden = true));
    this.#notice.replaceChildren(line, ...actions, close);
    this.#notice.hidden = false;
  }

  sessionEnded() {
    this.notice('Your session has ended.', [signInLink()]);
  }
}

export function link(label, href, properties = {}) {
  return Object.assign(document.createElement('a'), { textContent: label, href, ...properties });
}

export function button(label, onclick) {
  return Object.assign(document.createElement('button'), { type: 'button', textContent: label, onclick });
}

export const downloadLink = (series, instance, label = 'Download DICOM file') =>
  link(label, downloadUrl(series, instance), { download: `${instance}.dcm` });

export const reloadButton = () => button('Reload the page', () => location.reload());

export const signInLink = () =>
  link('Sign in', `/accounts/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
