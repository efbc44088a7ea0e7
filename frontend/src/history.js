/** Undo and redo of a reader's work: each state as a whole, which is small, and nothing half undone. */

const KEPT = 100;

export class History {
  #states;
  #position = 0;

  constructor(first) {
    this.#states = [first];
  }

  get canUndo() {
    return this.#position > 0;
  }

  get canRedo() {
    return this.#position < this.#states.length - 1;
  }

  /** What was undone and then replaced by something else is gone. */
  push(state) {
    this.#states = [...this.#states.slice(0, this.#position + 1), state].slice(-KEPT);
    this.#position = this.#states.length - 1;
  }

  /** Change all states alike: something has come that undoing does not take away. */
  amend(change) {
    this.#states = this.#states.map(change);
  }

  /** @returns the state that is now current, undefined where there is none */
  undo() {
    return this.canUndo ? this.#states[(this.#position -= 1)] : undefined;
  }

  redo() {
    return this.canRedo ? this.#states[(this.#position += 1)] : undefined;
  }
}
