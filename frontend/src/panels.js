/** The panels at the right of the pictures, of which one at a time is open. */
export class Panels extends EventTarget {
  #side;
  #opener;

  /** @param side holds the panels: elements of class `panel` with an id `panel-NAME` */
  constructor(side) {
    super();
    this.#side = side;
    side.addEventListener('click', ({ target }) => target.closest('[data-close]') && this.close());
    side.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.target.closest('dialog')) return;
      event.stopPropagation();
      this.close();
    });
  }

  /** Name of the open panel. */
  get opened() {
    return this.#side.querySelector('.panel:not([hidden])')?.id.slice('panel-'.length);
  }

  toggle(name) {
    if (this.opened === name) this.close();
    else this.open(name);
  }

  open(name) {
    if (!this.opened) this.#opener = document.activeElement;
    for (const panel of this.#side.querySelectorAll('.panel')) panel.hidden = panel.id !== `panel-${name}`;
    this.#side.hidden = false;
    this.#side.querySelector(`#panel-${name} h2`).focus();
    this.#changed();
  }

  close() {
    if (!this.opened) return;
    for (const panel of this.#side.querySelectorAll('.panel')) panel.hidden = true;
    this.#side.hidden = true;
    this.#opener?.focus({ preventScroll: true });
    this.#changed();
  }

  #changed() {
    const { opened } = this;
    for (const button of document.querySelectorAll('[data-action=panel]')) {
      button.setAttribute('aria-expanded', String(button.dataset.argument === opened));
    }
    this.dispatchEvent(new CustomEvent('panel', { detail: opened }));
  }
}
