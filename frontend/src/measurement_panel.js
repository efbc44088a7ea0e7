/** The list of measurements and key images: go there, rename, hide, remove, save. */
import { KINDS } from './annotations.js';
import { element } from './dom.js';
import { worded } from './measure.js';
import { button } from './messages.js';

export class MeasurementPanel {
  #panel;
  #work;
  #viewer;
  #askText;
  #saveButton;

  /** @param saveButton of the bar */
  constructor(panel, work, viewer, { askText, saveButton }) {
    this.#panel = panel;
    this.#work = work;
    this.#viewer = viewer;
    this.#askText = askText;
    this.#saveButton = saveButton;
    for (const action of ['save', 'undo', 'redo']) this.#part(action).onclick = () => work[action]();
    work.addEventListener('changed', () => this.#show());
    this.#show();
  }

  #part(name) {
    return this.#panel.querySelector(`[data-part=${name}]`);
  }

  #show() {
    const work = this.#work;
    const { isDirty, isSaving, maySave } = work;
    for (const save of [this.#saveButton, this.#part('save')]) save.disabled = !isDirty || isSaving || maySave === false;
    this.#part('undo').disabled = !work.canUndo;
    this.#part('redo').disabled = !work.canRedo;
    this.#part('state').textContent = wordState(work);
    this.#panel.dataset.saved = String(!isDirty && !isSaving);
    const focused = this.#panel.contains(document.activeElement) && document.activeElement.dataset.item;
    this.#part('lists').replaceChildren(
      ...this.#section('Yours', work.measurements.own, work.keyImages.own, true),
      ...work.authors.flatMap(({ author, savedAt, measurements, images, note, notShown }) =>
        this.#section(`${author}, ${savedAt.toLocaleString()}`, measurements, images, false, note, notShown)),
    );
    if (focused) this.#panel.querySelector(`[data-item="${focused}"]`)?.focus();
  }

  #section(title, measurements, images, isOwn, note = '', notShown = 0) {
    const heading = make('h3', title);
    const list = make('ul');
    list.append(
      ...measurements.map((one) => this.#measurement(one, isOwn)),
      ...images.map((mark) => this.#keyImage(mark, isOwn)),
    );
    const rest = notShown ? [make('p', `${notShown} more of a form that cannot be drawn here.`)] : [];
    const empty = list.children.length ? [] : [make('p', 'Nothing yet.')];
    return [heading, ...(note ? [make('p', note)] : []), ...empty, list, ...rest];
  }

  #measurement(one, isOwn) {
    const { measurements } = this.#work;
    const isHidden = measurements.isHidden(one);
    const name = one.label || KINDS[one.kind].name;
    const values = one.values.map((value) => worded(value, one.at_detector)).join(', ');
    const jump = this.#jump(one, [make('strong', name), make('span', this.#where(one)), make('span', values)]);
    const hide = button(isHidden ? 'Show' : 'Hide', () => {
      measurements.hide(one, !isHidden);
      this.#show();
    });
    const own = isOwn
      ? [button('Rename', () => this.#rename(one)), button('Delete', () => measurements.remove([one.tracking_uid]))]
      : [];
    return row(jump, name, [...own, hide]);
  }

  #keyImage(mark, isOwn) {
    const { keyImages } = this.#work;
    const jump = this.#jump(mark, [make('strong', '★ Key image'), make('span', this.#where(mark))]);
    const remove = button('Delete', () => {
      keyImages.remove(mark);
      this.#work.onChanged();
    });
    return row(jump, 'key image', isOwn ? [remove] : []);
  }

  #jump(place, lines) {
    const { series_instance_uid: uid, sop_instance_uid: sopInstanceUid, frame } = place;
    const jump = button('', () => {
      const series = this.#series(uid);
      if (series) this.#viewer.open(series, this.#viewer.active, { sopInstanceUid, frame: frame ?? 1 });
    });
    jump.className = 'jump';
    jump.dataset.item = place.tracking_uid ?? `${sopInstanceUid}/${frame ?? ''}`;
    jump.append(...lines);
    return jump;
  }

  /** Of this study, or of a prior that is shown. */
  #series(uid) {
    const shown = this.#viewer.panes.map(({ series }) => series);
    return [...this.#viewer.seriesList, ...shown].find((series) => series?.uid === uid);
  }

  #where({ series_instance_uid: uid, sop_instance_uid: instance, frame }) {
    const series = this.#series(uid);
    const frames = series?.displaySet?.frames ?? [];
    const index = frames.findIndex(
      (one) => one.frame === (frame ?? 1) && one.instance['00080018']?.Value?.[0] === instance);
    const name = `${series?.modality ?? ''} ${series?.number ?? ''}`.trim();
    return index < 0 ? name : `${name}, image ${index + 1}`;
  }

  async #rename(one) {
    const label = await this.#askText('Name of the measurement', one.label);
    if (label !== undefined) this.#work.measurements.rename(one, label);
  }
}

function wordState({ isDirty, isSaving, maySave }) {
  if (isSaving) return 'Saving…';
  if (!isDirty) return 'Everything is saved.';
  return maySave === false ? 'Your role does not save measurements or key images.' : 'Not saved yet.';
}

function row(jump, name, buttons) {
  const item = make('li');
  for (const one of buttons) one.setAttribute('aria-label', `${one.textContent} ${name}`);
  const tools = make('div');
  tools.append(...buttons);
  item.append(jump, tools);
  return item;
}

const make = (tag, textContent = '') => element(tag, { textContent });

/** Ask by a dialog; undefined where the reader thinks better of it. */
export function askBy(dialog) {
  const [title, input] = [dialog.querySelector('h2'), dialog.querySelector('input')];
  return (question, initial = '') =>
    new Promise((resolve) => {
      title.textContent = question;
      input.value = initial;
      dialog.returnValue = '';
      dialog.addEventListener(
        'close',
        () => resolve(dialog.returnValue === 'ok' ? input.value.trim() : undefined),
        { once: true },
      );
      dialog.showModal();
      input.select();
    });
}
