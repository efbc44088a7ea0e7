/** The panel of the report: written beside the images, signed, added to. */
import { getJson, sendJson } from './api.js';
import { Draft, isSame, joinTexts, Keep, SECTIONS, textOf } from './draft.js';
import { whose } from './identity.js';
import { button, signInLink } from './messages.js';
import { reportNodes, statusInWords, wholeText, wordsOf } from './reporttext.js';

export class ReportPanel {
  #part; // elements of the panel by data-part
  #study;
  #address;
  #draft;
  #addendum; // keep of an addendum that is not signed
  #report;
  #templates = [];

  /** @param patient of whom the report is, whoever the active pane shows */
  constructor(panel, study, patient, panels) {
    this.#study = study.uid;
    this.#address = `/api/studies/${study.uid}/report/`;
    const parts = [...panel.querySelectorAll('[data-part]')];
    this.#part = Object.fromEntries(parts.map((part) => [part.dataset.part, part]));
    this.#part.patient.textContent = whose(patient);
    this.#listen();
    panels.addEventListener('panel', ({ detail }) => detail === 'report' && !this.#draft && this.#load());
    if (new URLSearchParams(location.search).get('panel') === 'report') panels.open('report');
  }

  #listen() {
    const { editor, template, discard, addendum } = this.#part;
    editor.addEventListener('input', ({ target }) => {
      if (SECTIONS.includes(target.name)) this.#draft.change(this.#typed());
    });
    editor.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#sign();
    });
    template.addEventListener('change', () => this.#fill());
    discard.addEventListener('click', () => this.#discard());
    addendum.addEventListener('input', () => this.#addendum.write(addendum.text.value));
    addendum.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#add();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#draft?.save({ keepalive: true });
    });
    document.addEventListener('save-work', () => this.#draft?.save());
    addEventListener('beforeunload', (event) => {
      if (this.#draft && !this.#draft.isSaved && this.#draft.error?.status !== 401) event.preventDefault();
    });
  }

  async #load() {
    this.#say('Loading…');
    try {
      const reading = await getJson(this.#address);
      if (reading.may_write) this.#templates = await getJson(`${this.#address}templates/`);
      this.#begin(reading);
    } catch (error) {
      this.#say('');
      this.#trouble(wordsOf(error), [this.#again(error, () => this.#load())]);
    }
  }

  #begin({ report, reader, may_write: mayWrite }) {
    const keep = new Keep('report', this.#study, reader);
    const kept = keep.read();
    this.#addendum = new Keep('addendum', this.#study, reader);
    this.#draft = new Draft(this.#address, keep);
    this.#draft.addEventListener('state', () => this.#showState());
    this.#part.template.replaceChildren(
      new Option('Choose…', ''),
      ...this.#templates.map(({ name }, index) => new Option(name, index)),
    );
    this.#draft.begin(report);
    this.#show(report, mayWrite);
    if (mayWrite && kept && !isSame(kept.text, textOf(report))) this.#restore(kept, report);
  }

  /** What was typed and not saved before the page was left. */
  #restore({ version, text }, report) {
    if (report?.is_signed) {
      this.#compare(report, text, 'It was signed after you wrote this.');
      return;
    }
    this.#type(text);
    this.#draft.resume({ version, text });
  }

  /** The report as it may be read or written now. */
  #show(report, mayWrite) {
    const { editor, signed, addendum, pdf } = this.#part;
    this.#report = report;
    this.#trouble();
    const isWritten = mayWrite && !report?.is_signed;
    editor.hidden = !isWritten;
    if (isWritten) this.#type(this.#draft.text);
    signed.hidden = isWritten;
    signed.replaceChildren(...(report ? reportNodes(report) : []));
    addendum.hidden = !(mayWrite && report?.is_signed);
    addendum.text.value = this.#addendum.read() ?? '';
    pdf.hidden = !report;
    this.#showState();
  }

  #showState() {
    const { state, error, report } = this.#draft;
    if (state === 'failed') this.#explain(error);
    else if (state === 'saved') this.#trouble();
    this.#part.pdf.hidden = !report;
    this.#part.discard.hidden = !report;
    if (state !== 'failed') this.#say(statusInWords(state, report, !this.#part.editor.hidden));
  }

  /** Why it is not saved or signed, and what can be done; the text stays where it is. */
  async #explain(error) {
    this.#say('Not saved. Your text is kept in this tab.');
    if (error.status !== 409) {
      this.#trouble(wordsOf(error), [this.#again(error, () => this.#draft.save())]);
      return;
    }
    try {
      const { report } = await getJson(this.#address);
      this.#compare(report, this.#typed(), wordsOf(error));
    } catch (second) {
      this.#trouble(wordsOf(second), [this.#again(second, () => this.#explain(error))]);
    }
  }

  /** Two versions: nobody's is dropped but by a reader who has been told. */
  #compare(theirs, mine, words) {
    if (theirs?.is_signed) {
      const isMine = isSame(mine, textOf(theirs)); // the answer to the signature was lost
      if (!isMine) this.#addendum.write(wholeText(mine));
      this.#draft.begin(theirs);
      this.#show(theirs, true);
      if (!isMine) this.#trouble(`${words} Your text is below, as an addendum.`);
      return;
    }
    const take = (choose) => {
      const text = choose(textOf(theirs), this.#typed()); // and what was typed since
      if (isSame(text, textOf(theirs))) this.#draft.begin(theirs);
      else this.#draft.replace(theirs, text);
      this.#show(theirs, true);
      this.#part.editor.findings.focus();
    };
    this.#trouble(words, [
      button('Join both', () => take(joinTexts)),
      button('Keep mine', () => take((_, mine) => mine)),
      button('Take theirs', () => take((text) => text)),
    ]);
  }

  #typed() {
    const { editor } = this.#part;
    return Object.fromEntries(SECTIONS.map((name) => [name, editor.elements[name].value]));
  }

  #type(text) {
    for (const name of SECTIONS) this.#part.editor.elements[name].value = text[name];
  }

  /** A template fills the sections that are empty. */
  #fill() {
    const template = this.#templates[this.#part.template.value];
    this.#part.template.value = '';
    if (!template) return;
    const typed = this.#typed();
    const filled = Object.fromEntries(SECTIONS.map((name) => [name, typed[name] || template[name]]));
    this.#type(filled);
    this.#draft.change(filled);
    this.#part.editor.findings.focus();
  }

  async #sign() {
    if (!(await this.#confirm('Sign this report? It cannot be changed afterwards, only added to.'))) return;
    await this.#attempt(async () => {
      await this.#draft.sign();
      this.#show(this.#draft.report, true);
      this.#part.signed.focus();
    });
  }

  async #discard() {
    if (!(await this.#confirm('Discard this draft for good?', 'Discard'))) return;
    await this.#attempt(async () => {
      await this.#draft.discard();
      this.#show(undefined, true);
    });
  }

  async #add() {
    if (!(await this.#confirm('Sign this addendum? It cannot be changed afterwards.'))) return;
    const { addenda } = this.#report;
    const body = { number: addenda.length + 1, text: this.#part.addendum.text.value };
    await this.#attempt(async () => {
      const made = await sendJson('POST', `${this.#address}addenda/`, body);
      this.#addendum.clear();
      this.#show({ ...this.#report, addenda: [...addenda, made] }, true);
      this.#part.signed.focus();
    });
  }

  async #attempt(act) {
    this.#trouble();
    try {
      await act();
    } catch (error) {
      if (error.status !== 409) {
        this.#say('Not signed. Your text is kept in this tab.');
        this.#trouble(wordsOf(error), error.status === 401 ? [signInLink()] : []);
      } else if (this.#report?.is_signed) await this.#showAdded(error);
      else await this.#explain(error);
    }
  }

  /** Somebody else added something: it is shown before the reader's own, which stays. */
  async #showAdded(error) {
    const { report } = await getJson(this.#address);
    this.#show(report, true);
    this.#trouble(wordsOf(error));
  }

  /** Whether the reader says yes to a question. */
  #confirm(question, yes = 'Sign') {
    const { dialog, question: words, yes: confirm } = this.#part;
    [words.textContent, confirm.textContent] = [question, yes];
    dialog.returnValue = '';
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
    });
  }

  #say(words) {
    const { status } = this.#part;
    if (status.textContent !== words) status.textContent = words;
  }

  #trouble(words = '', actions = []) {
    const { trouble } = this.#part;
    trouble.hidden = !words;
    trouble.replaceChildren(words, ...actions);
  }

  #again(error, act) {
    return error.status === 401 ? signInLink() : button('Try again', act);
  }
}

