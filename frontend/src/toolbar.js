/** The buttons of the bar and the list of windows. */
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
    bar.addEventListener('click', (event) => {
      const { tool, action } = event.target.closest('button')?.dataset ?? {};
      if (tool) actions.tool(tool);
      else if (action) actions[action]();
    });
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
  }

  markCine({ isPlaying, rate }) {
    this.#cine.textContent = isPlaying ? `Pause (${Math.round(rate)}/s)` : 'Play';
    this.#cine.setAttribute('aria-pressed', String(isPlaying));
  }

  /** Offer what suits the shown frame. */
  update({ frame, frames, viewport }) {
    this.#cine.disabled = frames.length < 2;
    const presets = presetsFor(frame.instance, viewport.getCornerstoneImage());
    const offered = JSON.stringify(presets);
    if (offered === this.#offered) return; // rebuilding the list would close it under the reader
    this.#offered = offered;
    this.#presets.disabled = !presets.length;
    this.#presets.replaceChildren(
      new Option('Window', ''),
      new Option('0  As in the header', 'header'),
      ...presets.map(({ label, center, width }, index) =>
        new Option(`${index + 1}  ${label} (${Math.round(center)}/${Math.round(width)})`, index)),
    );
  }
}
