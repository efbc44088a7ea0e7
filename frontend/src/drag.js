/** Drags series from the rail into panes, by mouse, pen and finger. The keys are in rail.js. */

const THRESHOLD = 8; // pixels: less is a click

/**
 * @param rail the element that holds the tiles, each with data-series-instance-uid
 * @param onDrop called with the tile and the pane element it was dropped on
 */
export function enableDrag(rail, onDrop) {
  rail.addEventListener('pointerdown', (event) => {
    const tile = event.target.closest('[data-series-instance-uid]');
    if (tile && event.isPrimary && event.button === 0) new Drag(tile, event, onDrop);
  });
  // The browser's own dragging of pictures would end ours.
  rail.addEventListener('dragstart', (event) => event.preventDefault());
}

class Drag {
  #tile;
  #start;
  #onDrop;
  #ghost;
  #target;
  #listeners = new AbortController();

  constructor(tile, { clientX, clientY, pointerId }, onDrop) {
    this.#tile = tile;
    this.#start = { clientX, clientY };
    this.#onDrop = onDrop;
    const { signal } = this.#listeners;
    const ours = (listener) => (event) => event.pointerId === pointerId && listener(event);
    addEventListener('pointermove', ours((event) => this.#move(event)), { signal });
    addEventListener('pointerup', ours((event) => this.#drop(event)), { signal });
    addEventListener('pointercancel', ours(() => this.#end()), { signal }); // the rail is scrolled
    addEventListener('keydown', (event) => this.#cancel(event), { signal, capture: true });
  }

  #move({ clientX, clientY }) {
    const distance = Math.hypot(clientX - this.#start.clientX, clientY - this.#start.clientY);
    if (!this.#ghost && distance < THRESHOLD) return;
    this.#ghost ??= this.#lift();
    this.#ghost.style.translate = `${clientX}px ${clientY}px`;
    this.#aim(document.elementFromPoint(clientX, clientY)?.closest('.pane'));
  }

  #lift() {
    const ghost = this.#tile.cloneNode(true);
    ghost.removeAttribute('data-series-instance-uid');
    ghost.setAttribute('aria-hidden', 'true');
    ghost.className = 'ghost';
    document.body.append(ghost);
    document.body.classList.add('dragging');
    return ghost;
  }

  #aim(pane) {
    if (this.#target === pane) return;
    this.#target?.classList.remove('target');
    pane?.classList.add('target');
    this.#target = pane;
  }

  #drop() {
    if (!this.#ghost) return this.#end();
    // The click that follows would open the series in the active pane as well.
    addEventListener('click', swallow, { capture: true, once: true });
    setTimeout(() => removeEventListener('click', swallow, { capture: true }));
    const target = this.#target;
    this.#end();
    if (target) this.#onDrop(this.#tile, target);
  }

  #cancel(event) {
    if (event.key !== 'Escape' || !this.#ghost) return;
    event.stopPropagation();
    this.#end();
  }

  #end() {
    this.#listeners.abort();
    this.#ghost?.remove();
    this.#aim(undefined);
    document.body.classList.remove('dragging');
  }
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}
