/** What the page says: over a pane instead of an image, and in a line over all of them. */
import { downloadUrl } from './dicomweb.js';
import { element } from './dom.js';

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
  #session;

  /** @param session the line of the session, which no other message may replace */
  constructor(notice, session) {
    [this.#notice, this.#session] = [notice, session];
  }

  /** A line over the pictures, until it is closed. */
  notice(line, actions = []) {
    show(this.#notice, line, actions);
  }

  /** Close the notice. */
  close() {
    this.#notice.hidden = true;
  }

  session(line, actions = []) {
    show(this.#session, line, actions);
  }

  sessionEnded() {
    this.session('Your session has ended. Nothing more is saved until you sign in again.', [signInLink()]);
  }
}

function show(place, line, actions) {
  place.replaceChildren(line, ...actions, button('Close', () => (place.hidden = true)));
  place.hidden = false;
}

export const link = (label, href, properties = {}) =>
  element('a', { textContent: label, href, ...properties });

export const button = (label, onclick) =>
  element('button', { type: 'button', textContent: label, onclick });

export const downloadLink = (series, instance, label = 'Download DICOM file') =>
  link(label, downloadUrl(series.study.uid, series.uid, instance), { download: `${instance}.dcm` });

export const reloadButton = () => button('Reload the page', () => location.reload());

export const signInLink = () =>
  link('Sign in', `/accounts/login/?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
