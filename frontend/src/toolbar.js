/** The buttons of the bar and of its menus, and the list of windows. */
import { presetsFor } from './presets.js';

export class Toolbar {
  #bar;
  #presets;
  #cine;
  #offered = '';

  constructor(bar, actions) {
    this.#bar = bar;
    this.#presets = bar.querySelector('select');
    this.#cine = bar.querySelector('[data-action=cine]');
    bar.addEventListener('click', ({ target }) => {
      const chosen = target.closest('[data-tool], [data-action]');
      if (!chosen) return;
      chosen.closest('[popover]')?.hidePopover();
      if (chosen.dataset.tool) actions.tool(chosen.dataset.tool);
      else actions[chosen.dataset.action](chosen.dataset.argument);
    });
    for (const menu of bar.querySelectorAll('[popover]')) placeUnderButton(menu);
    this.#presets.addEventListener('change', () => {
      const choice = this.#presets.value;
      if (choice === 'header') actions.defaultWindow();
      else actions.preset(Number(choice));
      this.#presets.value = '';
      this.#presets.blur(); // give the arrow keys back to the images
    });
    bar.disabled = false;
  }

  markTool(name) {
    for (const tool of this.#bar.querySelectorAll('[data-tool]')) {
      tool.setAttribute('aria-pressed', String(tool.dataset.tool === name));
    }
    for (const opener of this.#bar.querySelectorAll('[popovertarget]')) {
      const menu = document.getElementById(opener.getAttribute('popovertarget'));
      if (!menu.querySelector('[data-tool]')) continue;
      opener.toggleAttribute('data-holds-tool', Boolean(menu.querySelector('[data-tool][aria-pressed=true]')));
    }
  }

  markCine({ isPlaying, rate }) {
    this.#cine.textContent = `${isPlaying ? 'Pause' : 'Play'} (${Math.round(rate)}/s)`;
    this.#cine.setAttribute('aria-pressed', String(isPlaying));
  }

  markLinks(on) {
    for (const link of this.#bar.querySelectorAll('[data-action=link]')) {
      link.setAttribute('aria-pressed', String(on[link.dataset.argument]));
    }
    const opener = this.#bar.querySelector('[popovertarget=menu-link]');
    opener.toggleAttribute('data-holds-tool', on.scroll || on.presentation); // lines are seen as they are
  }

  /** A series without three planes says why; the button can still be asked. */
  markMpr({ isOpen, hindrance }) {
    const mpr = this.#bar.querySelector('[data-action=mpr]');
    mpr.setAttribute('aria-pressed', String(isOpen));
    mpr.setAttribute('aria-disabled', String(Boolean(hindrance)));
    mpr.title = hindrance || 'Three planes, and back (M)';
  }

  /** Offer what suits the frame that the active pane shows. */
  update({ frame, frames, shown, viewport }) {
    this.#cine.disabled = frames.length < 2;
    const presets = shown === undefined ? [] : presetsFor(frame, viewport.getCornerstoneImage());
    const offered = JSON.stringify(presets);
    if (offered === this.#offered) return; // rebuilding the list would close it under the reader
    this.#offered = offered;
    this.#presets.disabled = !presets.length;
    this.#presets.replaceChildren(
      new Option('Window', ''),
      new Option('0  As in the header', 'header'),
      ...presets.map((preset, index) => new Option(`${index + 1}  ${preset.label} (${meaningOf(preset)})`, index)),
    );
  }
}

const meaningOf = ({ table, center, width }) =>
  table === undefined ? `${Math.round(center)}/${Math.round(width)}` : 'VOI LUT';

/** Where a menu opens: under the button that opens it, and inside the page. */
function placeUnderButton(menu) {
  menu.addEventListener('toggle', ({ newState }) => {
    if (newState !== 'open') return;
    const { left, bottom } = document.querySelector(`[popovertarget=${menu.id}]`).getBoundingClientRect();
    menu.style.left = `${Math.max(4, Math.min(left, innerWidth - menu.offsetWidth - 4))}px`;
    menu.style.top = `${bottom + 2}px`;
    menu.querySelector('button')?.focus();
  });
}
