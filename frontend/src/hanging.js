/** Which series hangs in which cell of a protocol (studies/models/hanging_protocol.py has its rules). */
import { number, text, value } from './attributes.js';

const NEED_HEADERS = ['view', 'laterality', 'plane'];
const PLANES = ['sagittal', 'coronal', 'axial']; // across x, y and z of the patient
// View Code Sequence of mammography (PS3.16 CID 4014), where View Position says nothing.
const VIEW_CODES = {
  'R-10242': 'CC', 399162004: 'CC', 'R-10226': 'MLO', 399368009: 'MLO',
  'R-10224': 'ML', 399260004: 'ML', 'R-10228': 'LM', 399352003: 'LM',
};

/** Whether the cells ask for what only the headers of the images know. */
export const needsHeaders = (cells) => cells.some((cell) => NEED_HEADERS.some((rule) => rule in cell));

/**
 * What hangs in each cell.
 *
 * @param cells of the protocol
 * @param lists { current, prior }: their series in order; where headers are needed and known, with
 *   their displaySet
 * @returns for each cell { series, sopInstanceUid } or undefined; the UID only where an image of the
 *   series was asked for
 */
export function assign(cells, lists) {
  const picks = [];
  const isFree = ({ series, sopInstanceUid }) =>
    !picks.some((pick) => pick?.series === series && pick.sopInstanceUid === sopInstanceUid);
  cells.forEach((cell, index) => {
    const list = lists[cell.study ?? 'current'];
    const fitting = list.flatMap((series) => candidates(cell, series)).filter(isFree);
    const ranked = cell.study === 'prior' ? likeFirst(fitting, picks) : fitting;
    picks[index] = ranked[(cell.number ?? 1) - 1];
  });
  cells.forEach((cell, index) => {
    if (picks[index] || cell.otherwise === 'empty') return;
    picks[index] = nextOf(cell, lists, picks);
  });
  return picks;
}

/** The images of a series that a cell asks for, or the series as a whole. */
function candidates(cell, series) {
  if (series.kind || !fitsSeries(cell, series)) return [];
  if (!needsHeaders([cell])) return [{ series }];
  const found = (series.displaySet?.frames ?? []).find(({ instance }) => fitsHeader(cell, instance));
  if (!found) return [];
  return [{ series, sopInstanceUid: text(found.instance, '00080018') }];
}

function fitsSeries({ modality, at_least: least, description, without }, series) {
  if (modality && series.modality !== modality) return false;
  if (least && !(series.instances >= least)) return false;
  if (without && matches(without, series.description)) return false;
  return !description || matches(description, series.description);
}

function fitsHeader({ view, laterality, plane }, instance) {
  if (view && viewOf(instance) !== view.toUpperCase()) return false;
  if (laterality && lateralityOf(instance) !== laterality) return false;
  return !plane || planeOf(instance) === plane;
}

/** Whether the pattern is part of the text: `*` stands for anything, `|` for or. */
export function matches(pattern, content) {
  const folded = content.toLowerCase();
  return pattern.toLowerCase().split('|').some((alternative) => {
    let position = 0;
    return alternative.trim().split('*').every((part) => {
      const found = folded.indexOf(part, position);
      position = found + part.length;
      return found >= 0;
    });
  });
}

export function viewOf(instance) {
  const written = text(instance, '00185101').toUpperCase();
  return written || VIEW_CODES[text(value(instance, '00540220') ?? {}, '00080100')];
}

function lateralityOf(instance) {
  return text(instance, '00200062') || text(instance, '00200060');
}

/** The plane nearest to that of the image; undefined where the header does not say. */
export function planeOf(instance) {
  const shared = value(value(instance, '52009229') ?? {}, '00209116') ?? {};
  const cosines = [0, 1, 2, 3, 4, 5].map(
    (index) => number(instance, '00200037', index) ?? number(shared, '00200037', index),
  );
  if (cosines.includes(undefined)) return undefined;
  const [a, b, c, d, e, f] = cosines;
  const normal = [b * f - c * e, c * d - a * f, a * e - b * d].map(Math.abs);
  return PLANES[normal.indexOf(Math.max(...normal))];
}

/** The series of a prior that are most like what hangs already come first. */
function likeFirst(fitting, picks) {
  const model = picks.find((pick) => pick && !fitting.some(({ series }) => series === pick.series));
  if (!model) return fitting;
  const likeness = ({ series }) =>
    (series.description.toLowerCase() === model.series.description.toLowerCase() ? 2 : 0) +
    (series.modality === model.series.modality ? 1 : 0);
  return [...fitting].sort((a, b) => likeness(b) - likeness(a)); // stable: else in their order
}

/** The first series that hangs nowhere yet; of the current study where there is no prior. */
function nextOf({ study = 'current', modality, at_least }, lists, picks) {
  const list = lists[study].length ? lists[study] : lists.current;
  const series = list.find((one) =>
    !one.kind && fitsSeries({ modality, at_least }, one) && !picks.some((pick) => pick?.series === one));
  return series && { series };
}

/** The grid without the last rows and columns in which nothing hangs, nor is meant to be missing. */
export function trim({ rows, columns, cells }, picks) {
  const isUsed = (row, column) => {
    const index = row * columns + column;
    return Boolean(picks[index]) || cells[index]?.otherwise === 'empty';
  };
  const used = Array.from({ length: rows * columns }, (_, index) => index).filter((index) =>
    isUsed(Math.floor(index / columns), index % columns));
  const height = 1 + Math.max(0, ...used.map((index) => Math.floor(index / columns)));
  const width = 1 + Math.max(0, ...used.map((index) => index % columns));
  const kept = []; // their indices
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) kept.push(row * columns + column);
  }
  const keep = (list) => kept.map((index) => list[index]);
  return { rows: height, columns: width, cells: keep(cells), picks: keep(picks) };
}
