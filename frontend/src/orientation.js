/** The letters at the edges of the picture (PS3.3 C.7.6.1.1.1). */
import { metaData } from '@cornerstonejs/core';

const AXES = ['RL', 'AP', 'FH']; // patient coordinates: x to the left, y to the back, z to the head
const OPPOSITE = { L: 'R', R: 'L', A: 'P', P: 'A', H: 'F', F: 'H' };
const SHARE = 0.25; // a smaller part of the direction is not worth a letter

/** Letters for the four edges, empty strings when the header does not know the orientation. */
export function edgeLetters(viewport, frame) {
  const [right, down] = screenDirections(viewport);
  const plane = metaData.get('imagePlaneModule', frame.imageId) ?? {};
  const isKnown = plane.imageOrientationPatient && !plane.isDefaultValueSetForRowCosine;
  const letters = isKnown ? inPatient : (direction) => inPicture(direction, frame.instance);
  const [r, d] = [letters(right), letters(down)];
  return { right: r, left: opposite(r), bottom: d, top: opposite(d) };
}

/** Unit vectors of "to the right" and "down" on the screen, so that flips and turns are in them. */
function screenDirections(viewport) {
  const { clientWidth, clientHeight } = viewport.element;
  const [x, y] = [clientWidth / 2, clientHeight / 2];
  const origin = viewport.canvasToWorld([x, y]);
  return [viewport.canvasToWorld([x + 10, y]), viewport.canvasToWorld([x, y + 10])].map((point) => {
    const difference = [...point].map((coordinate, axis) => coordinate - origin[axis]);
    const length = Math.hypot(...difference) || 1;
    return difference.map((coordinate) => coordinate / length);
  });
}

function inPatient(direction) {
  return [0, 1, 2]
    .filter((axis) => Math.abs(direction[axis]) > SHARE)
    .sort((a, b) => Math.abs(direction[b]) - Math.abs(direction[a]))
    .map((axis) => AXES[axis][direction[axis] > 0 ? 1 : 0])
    .join('');
}

/** Projections have Patient Orientation (0020,0020): the letters of the row and of the column. */
function inPicture([x, y], instance) {
  const [row, column] = instance['00200020']?.Value ?? [];
  if (!row || !column) return '';
  if (Math.abs(x) >= Math.abs(y)) return x > 0 ? row : opposite(row);
  return y > 0 ? column : opposite(column);
}

const opposite = (letters) => [...letters].map((letter) => OPPOSITE[letter] ?? letter).join('');
