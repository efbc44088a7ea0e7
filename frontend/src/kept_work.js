/** Measurements and key images between the page and the archive: loading, saving, undo and redo.
 *
 * What is not saved yet is copied to the session's storage at each change, so that a session that
 * ends or a page that is reloaded takes nothing along. Fires `changed`.
 */
import { getJson, sendJson } from './api.js';
import { History } from './history.js';
import { button } from './messages.js';
import { explainFailure } from './reasons.js';

const KINDS = { measurements: 'measurements', images: 'key-images' }; // member of an answer → address

export class KeptWork extends EventTarget {
  #study;
  #user;
  #messages;
  #saved = stateOf([], []);
  #predecessors = { measurements: [], images: [] };
  #history = new History(stateOf([], []));
  #isLoaded = false;

  isSaving = false;
  maySave = false;
  authors = []; // of what others have kept: { author, savedAt, measurements, images, notShown }

  constructor(study, user, measurements, keyImages, messages) {
    super();
    this.#study = study;
    this.#user = user;
    this.#messages = messages;
    this.measurements = measurements;
    this.keyImages = keyImages;
    measurements.addEventListener('changed', () => this.onChanged());
    addEventListener('beforeunload', (event) => this.isDirty && event.preventDefault());
    document.addEventListener('save-work', () => this.save());
  }

  get isDirty() {
    this.measurements.settle();
    return Object.keys(KINDS).some((kind) => this.#differs(kind));
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /** The reader has changed something. */
  onChanged() {
    this.#history.push(this.#state());
    this.#tell();
  }

  undo() {
    this.measurements.settle();
    this.#goTo(this.#history.undo());
  }

  redo() {
    this.measurements.settle();
    this.#goTo(this.#history.redo());
  }

  /** What the archive has, and what this tab had not saved when it was left. */
  async load() {
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    try {
      const [drawn, chosen] = await Promise.all(Object.values(KINDS).map((kind) => getJson(this.#address(kind))));
      this.maySave = drawn.may_save;
      this.#takeIn(drawn.documents, chosen.documents);
    } catch (error) {
      this.#isLoaded = false;
      const again = button('Try again', () => this.load());
      this.#messages.notice(`Saved measurements are not shown: ${explainFailure(error)}`, [again]);
    }
  }

  /** Keep as new documents what differs from those that are there. */
  async save() {
    if (this.isSaving || !this.maySave || !this.isDirty) return;
    this.isSaving = true;
    this.dispatchEvent(new Event('changed'));
    try {
      for (const kind of Object.keys(KINDS)) if (this.#differs(kind)) await this.#send(kind);
    } catch (error) {
      if (error.status === 401) this.#messages.sessionEnded();
      else this.#messages.notice(`Not saved: ${error.detail?.detail ?? explainFailure(error)}`);
    } finally {
      this.isSaving = false;
      this.#tell();
    }
  }

  async #send(kind) {
    const state = this.#state();
    const body = { predecessors: this.#predecessors[kind], [kind]: state[kind] };
    const { sop_instance_uid: uid } = await sendJson('POST', this.#address(KINDS[kind]), body);
    this.#predecessors[kind] = uid ? [uid] : [];
    this.#saved = { ...this.#saved, [kind]: state[kind] };
  }

  #takeIn(drawn, chosen) {
    const isOwn = (document) => document.is_own;
    const own = {
      measurements: merged(drawn.filter(isOwn), 'measurements'),
      images: merged(chosen.filter(isOwn), 'images'),
    };
    const predecessors = {
      measurements: drawn.filter(isOwn).map(uidOf),
      images: chosen.filter(isOwn).map(uidOf),
    };
    this.#saved = own;
    this.authors = [...drawn, ...chosen].filter((document) => !isOwn(document)).map(ofAuthor);
    this.measurements.others = this.authors.flatMap(({ measurements }) => measurements);
    this.keyImages.others = this.authors.flatMap(({ images }) => images);
    const copy = this.#copy();
    // Of this tab what it had; of the archive what came there since by another way.
    const left = (kind) => [
      ...(copy ? own[kind].filter((one) => !copy.known[kind].includes(idOf(one))) : own[kind]),
      ...(copy?.state[kind] ?? []),
      ...this.#state()[kind],
    ];
    this.#predecessors = predecessors;
    this.#apply({ measurements: unique(left('measurements')), images: unique(left('images')) });
    this.#history = new History(this.#state());
    this.#tell();
    if (copy && this.isDirty) this.#messages.notice('What was not saved in this tab is back.');
  }

  #state() {
    return stateOf(this.measurements.own, this.keyImages.own);
  }

  #differs(kind) {
    return JSON.stringify(this.#state()[kind]) !== JSON.stringify(this.#saved[kind]);
  }

  #goTo(state) {
    if (!state) return;
    this.#apply(state);
    this.#tell();
  }

  #apply({ measurements, images }) {
    this.measurements.own = measurements;
    this.keyImages.own = images;
  }

  #tell() {
    this.#keepCopy();
    this.dispatchEvent(new Event('changed'));
  }

  #address(kind) {
    return `/api/studies/${this.#study.uid}/${kind}/`;
  }

  get #storageKey() {
    return `unsaved-work-${this.#study.uid}`;
  }

  #keepCopy() {
    if (!this.isDirty) {
      sessionStorage.removeItem(this.#storageKey);
      return;
    }
    const known = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, this.#saved[kind].map(idOf)]));
    const copy = JSON.stringify({ user: this.#user, state: this.#state(), known });
    try {
      sessionStorage.setItem(this.#storageKey, copy);
    } catch {
      this.#messages.notice('There is more unsaved work than this browser keeps: save it soon.');
    }
  }

  /** Never of somebody who was signed in here before. */
  #copy() {
    const copy = JSON.parse(sessionStorage.getItem(this.#storageKey) ?? 'null');
    return copy?.user === this.#user ? copy : undefined;
  }
}

const stateOf = (measurements, images) => ({ measurements, images });
const uidOf = ({ sop_instance_uid: uid }) => uid;
const idOf = (one) => one.tracking_uid ?? `${one.sop_instance_uid}/${one.frame ?? ''}`;
const unique = (list) => [...new Map(list.map((one) => [idOf(one), one])).values()];

/** The items of several documents; where they have one in common the newest has it right. */
const merged = (documents, kind) => unique([...documents].reverse().flatMap((document) => document[kind]));

const ofAuthor = ({ author, saved_at: savedAt, measurements = [], images = [], note = '', not_shown: notShown = 0 }) => ({
  author: author || 'Somebody who is not named',
  savedAt: new Date(savedAt),
  measurements: measurements.map((one) => ({ ...one, tracking_uid: one.tracking_uid || newUid() })),
  images,
  note,
  notShown,
});

const newUid = () => `2.25.${BigInt(`0x${crypto.randomUUID().replaceAll('-', '')}`)}`;

export function keptWorkActions({ work, measurements, keyImages }) {
  return {
    keyImage: () => keyImages.toggle() && work.onChanged(),
    removeMeasurement: () => measurements.removeSelected(),
    undo: () => work.undo(),
    redo: () => work.redo(),
    saveWork: () => work.save(),
  };
}
