/** The panel of what lies over the images: segments, structures, presentation states. */
import { text } from './attributes.js';
import { planesOf } from './overlay_planes.js';
import { loadDisplaySet } from './displaysets.js';
import { choice, element, field } from './dom.js';
import { button } from './messages.js';
import { readOverlay, swatch } from './overlay_document.js';
import { seriesOf } from './priors.js';
import { isPresentationState, Presentation } from './presentation_state.js';
import { explainFailure } from './reasons.js';
import { isSegmentation } from './segmentation.js';
import { isStructureSet } from './structure_set.js';

const KINDS = ['SEG', 'RTSTRUCT', 'PR'];

export class OverlaysPanel {
  #viewer;
  #layers;
  #panels;
  #messages;
  #body;
  #found = new Map(); // UID of a study → promise of what it has
  #failures = []; // in words
  #presentations = [];

  constructor(panel, layers, { viewer, panels, messages, root }) {
    this.#viewer = viewer;
    this.#layers = layers;
    this.#panels = panels;
    this.#messages = messages;
    this.#body = panel.querySelector('[data-part=body]');
    panels.addEventListener('panel', ({ detail }) => detail === 'overlays' && this.#fill());
    viewer.addEventListener('active', () => this.#refresh());
    viewer.addEventListener('series', () => this.#refresh());
    root.addEventListener('show-overlay', ({ target, detail }) => this.#showOverlay(viewer.paneOf(target), detail));
    root.addEventListener('apply-presentation', ({ target, detail }) => this.#apply(viewer.paneOf(target), detail));
  }

  async #load(series) {
    try {
      series.displaySet ??= await loadDisplaySet(series);
    } catch (error) {
      this.#failures.push(`Series ${series.number ?? series.modality} cannot be loaded. ${explainFailure(error)}`);
      return [];
    }
    return series.displaySet.other;
  }

  /** Of whose images the active pane is: the page's study, or a prior. */
  get #study() {
    return this.#viewer.active.series?.study ?? this.#viewer.study;
  }

  /** The series of a study: of the page's own at once, of another by asking. */
  async #seriesOf(study) {
    return study.uid === this.#viewer.study.uid ? this.#viewer.seriesList : seriesOf(study);
  }

  /** Everything of a study that may lie over images: loaded when the panel is first opened for it. */
  async #find(study) {
    this.#failures = [];
    const all = await this.#seriesOf(study).catch((error) => {
      this.#failures.push(`The study cannot be loaded. ${explainFailure(error)}`);
      return [];
    });
    const series = all.filter(({ modality }) => KINDS.includes(modality));
    return Promise.all(series.map(async (one) => (await this.#load(one)).map((instance) => ({ series: one, instance }))));
  }

  async #fill() {
    const study = this.#study;
    if (!this.#found.has(study.uid)) {
      this.#body.replaceChildren('Loading…');
      this.#found.set(study.uid, this.#find(study));
    }
    const found = (await this.#found.get(study.uid)).flat();
    if (study.uid !== this.#study.uid) return; // another pane is active by now, and fills it
    this.#presentations = found
      .filter(({ instance }) => isPresentationState(instance))
      .map(({ series, instance }) => this.#known(this.#presentations, instance) ?? new Presentation(series, instance));
    const outlined = found.filter(({ instance }) => isSegmentation(instance) || isStructureSet(instance));
    const parts = [
      this.#planesPart(),
      ...outlined.map(({ series, instance }) => this.#overlayPart(series, instance)),
      this.#presentationPart(),
      this.#failurePart(),
    ].filter(Boolean);
    const nothing = 'This study has no segmentations, structures or presentation states.';
    const heading = study.label ? [element('p', { textContent: `Of ${study.label}` })] : [];
    this.#body.replaceChildren(...heading, ...(parts.length ? parts : [nothing]));
  }

  /** What could not be loaded is not there, but is not said not to exist. */
  #failurePart() {
    if (!this.#failures.length) return undefined;
    const again = button('Try again', () => {
      this.#found.delete(this.#study.uid);
      this.#fill();
    });
    return element('div', { role: 'alert' }, ...this.#failures.map((line) => element('p', { textContent: line })), again);
  }

  #refresh() {
    if (this.#panels.opened === 'overlays') this.#fill();
  }

  #known(list, instance) {
    return list.find(({ uid }) => uid === text(instance, '00080018'));
  }

  /** Overlay planes of the header, which are shown unless somebody hides them. */
  #planesPart() {
    const { planes } = this.#layers;
    const { frame } = this.#viewer.active;
    const shown = frame ? planesOf(frame.instance) : [];
    if (!shown.length) return undefined;
    const toggle = element('input', { type: 'checkbox', checked: planes.isVisible });
    toggle.addEventListener('change', () => {
      planes.isVisible = toggle.checked;
      this.#layers.redraw();
    });
    const names = element('ul', { className: 'outlined' }, ...shown.map(({ label }) => element('li', {}, label)));
    return element('fieldset', {}, element('legend', { textContent: 'Overlays of the images' }), field('Show', toggle), names);
  }

  // --- Segments and structures ---

  #overlayPart(series, instance) {
    const uid = text(instance, '00080018');
    const shown = this.#layers.overlays.find((overlay) => overlay.uid === uid);
    const title = series.description || text(instance, '00700080') || series.modality;
    const toggle = element('input', { type: 'checkbox', checked: Boolean(shown) });
    toggle.addEventListener('change', () => (toggle.checked ? this.#showInstance(series, instance) : this.#hide(uid)));
    const group = element('fieldset', {}, element('legend', { textContent: title }), field('Show', toggle));
    if (shown) group.append(this.#opacity(shown), this.#itemList(shown));
    return group;
  }

  #opacity(overlay) {
    const slider = element('input', { type: 'range', min: 0.1, max: 1, step: 0.1 });
    slider.value = overlay.opacity;
    slider.addEventListener('input', () => {
      overlay.opacity = Number(slider.value);
      this.#layers.redraw();
    });
    return field('Opacity', slider);
  }

  #itemList(overlay) {
    const items = overlay.items.map((item) => {
      const toggle = element('input', { type: 'checkbox', checked: item.isVisible });
      toggle.addEventListener('change', () => {
        item.isVisible = toggle.checked;
        this.#layers.redraw();
      });
      return element('li', {}, element('label', { className: 'field' }, toggle, swatch(item.colour), item.name));
    });
    return element('ul', { className: 'outlined' }, ...items);
  }

  async #showInstance(series, instance) {
    try {
      await this.#add(readOverlay(series, instance), text(instance, '00080018'));
    } catch (error) {
      const reason = typeof error.status === 'number' ? explainFailure(error) : error.message;
      this.#messages.notice(`${series.description || series.modality} cannot be drawn. ${reason}`);
    }
    this.#refresh();
  }

  async #add(overlay, uid) {
    if (this.#layers.overlays.some((one) => one.uid === uid)) return;
    await overlay.load();
    overlay.uid = uid;
    this.#layers.overlays.push(overlay);
    this.#layers.redraw();
    const { frame } = this.#viewer.active;
    if (frame && !overlay.suits(frame)) this.#messages.notice('It does not belong to the image in this pane, and is not drawn over it.');
  }

  #hide(uid) {
    this.#layers.overlays = this.#layers.overlays.filter((overlay) => overlay.uid !== uid);
    this.#layers.redraw();
    this.#refresh();
  }

  /** From a document: open the images first, where they are in this study. */
  async #showOverlay(pane, { overlay, instance, seriesInstanceUid }) {
    const images = (await this.#seriesOf(overlay.series.study)).find(({ uid }) => uid === seriesInstanceUid);
    if (images) await this.#viewer.open(images, pane);
    await this.#showInstance(overlay.series, instance);
    this.#panels.open('overlays');
  }

  // --- Presentation states ---

  #presentationPart() {
    const pane = this.#viewer.active;
    const frames = pane.stack.frames;
    const fitting = this.#presentations.filter((one) => frames.some((frame) => one.covers(frame)));
    if (!fitting.length) return undefined;
    const options = [['', 'As the images say'], ...fitting.map(({ uid, title }) => [uid, title])];
    const current = this.#layers.presentations.get(pane)?.uid ?? '';
    return field('Presentation', choice(options, current, (uid) => {
      const chosen = fitting.find((one) => one.uid === uid);
      this.#layers.present(pane, chosen);
      if (chosen && !chosen.covers(pane.frame)) pane.open(pane.series, chosen.first);
    }));
  }

  async #apply(pane, { presentation, seriesInstanceUid, sopInstanceUid, frame }) {
    const images = (await this.#seriesOf(presentation.series.study)).find(({ uid }) => uid === seriesInstanceUid);
    if (!images) {
      this.#messages.notice('The images of this presentation state are not in this study.');
      return;
    }
    await this.#viewer.open(images, pane, { sopInstanceUid, frame });
    this.#layers.present(pane, presentation);
    pane.element.querySelector('.picture').focus({ preventScroll: true });
  }
}
