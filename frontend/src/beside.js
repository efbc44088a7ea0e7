/** Two windows that scroll together: each says where its active image lies, and the other goes there.
 *
 * By place where both are of one frame of reference; else, where their images are parallel, as far as the
 * other has gone since they were tied.
 */
import { areComparable, dot, facing, middleOf, planeOf } from './geometry.js';
import { nearest } from './linking.js';

export class Beside {
  #viewer;
  #linking;
  #second;
  #told; // image id that the other window was told of, or has led this one to
  #anchor; // where both stood when they were tied: { key, own, theirs }

  /** @param second the other window; it fires `said` with what that one says, `paired` when it is there */
  constructor(viewer, linking, second) {
    [this.#viewer, this.#linking, this.#second] = [viewer, linking, second];
    viewer.addEventListener('view', ({ detail }) => detail.pane === viewer.active && this.#tell());
    linking.addEventListener('linking', () => this.#tie());
    second.addEventListener('paired', () => this.#tie());
    second.addEventListener('said', ({ detail }) => this.#hear(detail));
  }

  #tie() {
    this.#anchor = undefined;
    this.#told = undefined;
    this.#second.say('tie', this.#linking.on.scroll);
    this.#tell();
  }

  #tell() {
    const { stack, series } = this.#viewer.active;
    if (!this.#linking.on.scroll || stack.shown === undefined) return;
    const plane = planeOf(stack.frame);
    if (!plane || stack.frame.imageId === this.#told) return;
    this.#told = stack.frame.imageId;
    const { frameOfReference, normal, depth } = plane;
    const middle = middleOf(stack.frame);
    this.#second.say('place', { series: series.uid, frameOfReference, normal: [...normal], depth, middle: [...middle] });
  }

  #hear({ what, value }) {
    if (what === 'tie' && value !== this.#linking.on.scroll) this.#linking.toggle('scroll');
    if (what === 'place' && this.#linking.on.scroll) this.#follow(value);
  }

  #follow(theirs) {
    const { stack, series } = this.#viewer.active;
    const own = stack.shown === undefined ? undefined : planeOf(stack.frame);
    const direction = own ? facing(theirs, own) : 0;
    if (!direction) return;
    const key = `${series.uid} ${theirs.series}`;
    if (this.#anchor?.key !== key) this.#anchor = { key, own: own.depth, theirs: theirs.depth };
    const depth = areComparable(theirs, own)
      ? dot(theirs.middle, own.normal)
      : this.#anchor.own + direction * (theirs.depth - this.#anchor.theirs);
    const index = nearest(stack, depth);
    this.#told = stack.frames[index].imageId;
    stack.goTo(index);
  }
}
