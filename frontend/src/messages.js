/** What the page says: over a pane instead of an image, and in a line over all of them. */
import { downloadUrl } from './dicomweb.js';

/** The text over one pane. */
export class Cover {
  #panel;
  #title;
  #detail;
  #actions;

  constructor(panel) {
    this.#panel = panel;
    [this.#title, this.#detail, this.#actions] = panel.querySelectorAll('[data-part]');
  }

  /** `actions` are links and buttons. */
  show(title, detail = '', actions = []) {
    this.#title.textContent = title;
    this.#detail.textContent = detail;
    this.#actions.replaceChildren(...actions);
    this.#panel.hidden = false;
  }

  hide() {
    this.#panel.hidden = true;
  }
}

export class Messages {
  #notice;

  constructor(notice) {
    this.#notice = notice;
  }

  /** A line over the pictures, until it is closed. */
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
  link(label, downloadUrl(series.study.uid, series.uid, instance), { download: `${instance}.dcm` });

export const reloadButton = () => button('Reload the page', () => location.reload());

export const signInLink = () =>
  link('Sign in', `/accounts/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
