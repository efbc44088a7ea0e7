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
  #storageKey;
  #user;
  #messages;
  #kept = new Map(); // study UID → { saved, predecessors }; a prior comes when it is shown
  #asked = new Map(); // study UID → promise of its loading
  #unsaved; // study UID → what this tab had not saved of it, until that is taken in
  #history = new History(stateOf([], []));

  isSaving = false;
  maySave = undefined; // until the archive has said it
  authors = []; // of what others have kept: { author, savedAt, measurements, images, note, notShown }

  constructor(studyUid, user, measurements, keyImages, messages) {
    super();
    this.#storageKey = `unsaved-work-${studyUid}`;
    this.#user = user;
    this.#messages = messages;
    this.measurements = measurements;
    this.keyImages = keyImages;
    this.#unsaved = this.#readCopy();
    measurements.addEventListener('changed', () => this.onChanged());
    addEventListener('beforeunload', (event) => this.isDirty && event.preventDefault());
    document.addEventListener('save-work', () => this.save());
  }

  get isDirty() {
    this.measurements.settle();
    return this.#dirty().length > 0;
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

  /** What the archive has of a study, and what this tab had not saved when it was left; once. */
  load(studyUid) {
    if (!this.#asked.has(studyUid)) this.#asked.set(studyUid, this.#load(studyUid));
    return this.#asked.get(studyUid);
  }

  #loadAgain(studyUid) {
    this.#asked.delete(studyUid);
    return this.load(studyUid);
  }

  async #load(studyUid) {
    try {
      const answers = Object.values(KINDS).map((kind) => getJson(addressOf(studyUid, kind)));
      const [drawn, chosen] = await Promise.all(answers);
      this.maySave = drawn.may_save;
      this.#takeIn(studyUid, ...[drawn, chosen].map(({ documents }) => ofStudy(studyUid, documents)));
    } catch (error) {
      const again = button('Try again', () => {
        this.#messages.close();
        this.#loadAgain(studyUid);
      });
      this.#messages.notice(`Saved measurements are not shown, and new ones cannot be saved: ${explainFailure(error)}`, [again]);
    }
  }

  /** Keep as new documents what differs from those that are there. */
  async save() {
    if (this.isSaving || this.maySave === false || !this.isDirty) return;
    this.isSaving = true;
    this.dispatchEvent(new Event('changed'));
    try {
      for (const studyUid of this.#dirtyStudies()) await this.#know(studyUid);
      for (const [studyUid, kind] of this.#dirty()) {
        if (this.maySave && this.#kept.has(studyUid)) await this.#send(studyUid, kind);
      }
    } catch (error) {
      if (error.status === 401) this.#messages.sessionEnded();
      else this.#messages.notice(`Not saved: ${error.detail?.detail ?? explainFailure(error)}`);
    } finally {
      this.isSaving = false;
      this.#tell();
    }
  }

  /** Nothing is saved over what is not known. */
  async #know(studyUid) {
    await this.load(studyUid);
    if (!this.#kept.has(studyUid)) await this.#loadAgain(studyUid);
  }

  async #send(studyUid, kind) {
    const kept = this.#kept.get(studyUid);
    const items = this.#state(studyUid)[kind];
    const body = { predecessors: kept.predecessors[kind], [kind]: items };
    const { sop_instance_uid: uid } = await sendJson('POST', addressOf(studyUid, KINDS[kind]), body);
    kept.predecessors[kind] = uid ? [uid] : [];
    kept.saved[kind] = items;
  }

  #takeIn(studyUid, drawn, chosen) {
    if (this.#kept.has(studyUid)) return; // asked for again while it was on its way
    const own = {
      measurements: merged(drawn.filter(isOwn), 'measurements'),
      images: merged(chosen.filter(isOwn), 'images'),
    };
    this.#kept.set(studyUid, {
      saved: own,
      predecessors: { measurements: drawn.filter(isOwn).map(uidOf), images: chosen.filter(isOwn).map(uidOf) },
    });
    this.authors.push(...[...drawn, ...chosen].filter((document) => !isOwn(document)).map(ofAuthor));
    this.measurements.others = this.authors.flatMap(({ measurements }) => measurements);
    this.keyImages.others = this.authors.flatMap(({ images }) => images);
    const copy = this.#unsaved.get(studyUid);
    this.#unsaved.delete(studyUid);
    const come = (kind) => [
      // Of the archive what came there by another way since the copy was made, of this tab the rest.
      ...(copy ? own[kind].filter((one) => !copy.known[kind].includes(idOf(one))) : own[kind]),
      ...(copy?.state[kind] ?? []),
    ];
    const join = (state) => mapKinds((kind) => unique([...come(kind), ...state[kind]]));
    this.#apply(join(this.#state()));
    this.#history.amend(join);
    this.#tell();
    if (copy && this.isDirty) this.#messages.notice('What was not saved in this tab is back.');
  }

  /** Of one study, or of all. */
  #state(studyUid) {
    const isOfStudy = ({ study_instance_uid: uid }) => !studyUid || uid === studyUid;
    return stateOf(this.measurements.own.filter(isOfStudy), this.keyImages.own.filter(isOfStudy));
  }

  /** Pairs of study and kind in which something is not saved. */
  #dirty() {
    const { measurements, images } = this.#state();
    const drawnOn = [...measurements, ...images].map(({ study_instance_uid: uid }) => uid);
    return [...new Set([...this.#kept.keys(), ...drawnOn])].flatMap((studyUid) => {
      const [saved, state] = [this.#saved(studyUid), this.#state(studyUid)];
      const kinds = Object.keys(KINDS).filter((kind) => JSON.stringify(state[kind]) !== JSON.stringify(saved[kind]));
      return kinds.map((kind) => [studyUid, kind]);
    });
  }

  #dirtyStudies() {
    return [...new Set(this.#dirty().map(([studyUid]) => studyUid))];
  }

  /** As far as it is known. */
  #saved(studyUid) {
    return this.#kept.get(studyUid)?.saved ?? stateOf([], []);
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
    this.#writeCopy();
    this.dispatchEvent(new Event('changed'));
  }

  #writeCopy() {
    const uids = new Set([...this.#unsaved.keys(), ...this.#dirtyStudies()]);
    const copy = { user: this.#user, studies: [...uids].map((uid) => [uid, this.#copyOf(uid)]) };
    try {
      if (copy.studies.length) sessionStorage.setItem(this.#storageKey, JSON.stringify(copy));
      else sessionStorage.removeItem(this.#storageKey);
    } catch {
      this.#messages.notice('There is more unsaved work than this browser keeps: save it soon.');
    }
  }

  /** With what was copied before, where that has not been taken in yet. */
  #copyOf(studyUid) {
    const [former, saved, state] = [this.#unsaved.get(studyUid), this.#saved(studyUid), this.#state(studyUid)];
    return {
      known: former?.known ?? mapKinds((kind) => saved[kind].map(idOf)),
      state: mapKinds((kind) => unique([...(former?.state[kind] ?? []), ...state[kind]])),
    };
  }

  /** Never of somebody who was signed in here before. */
  #readCopy() {
    const copy = JSON.parse(sessionStorage.getItem(this.#storageKey) ?? 'null');
    return new Map(copy?.user === this.#user ? copy.studies : []);
  }
}

const addressOf = (studyUid, kind) => `/api/studies/${studyUid}/${kind}/`;
const isOwn = ({ is_own: own }) => own;
const stateOf = (measurements, images) => ({ measurements, images });
const mapKinds = (make) => stateOf(make('measurements'), make('images'));
const uidOf = ({ sop_instance_uid: uid }) => uid;
const idOf = (one) => one.tracking_uid ?? `${one.sop_instance_uid}/${one.frame ?? ''}`;

/** The documents of a study, each item saying which study it is of. */
const ofStudy = (uid, documents) =>
  documents.map((document) => {
    const items = (list) => list?.map((one) => ({ study_instance_uid: uid, ...one }));
    return { ...document, measurements: items(document.measurements), images: items(document.images) };
  });

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
