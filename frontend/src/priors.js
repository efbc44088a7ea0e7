/** The patient's other studies: in the rail, and named on every pane that shows one of them. */
import { loadSeriesList } from './displaysets.js';
import { element } from './dom.js';
import { button } from './messages.js';
import { explainFailure } from './reasons.js';

const DAY_MS = 86_400_000;
const RELATIONS = { earlier: 'PRIOR', later: 'LATER', same: 'SAME DAY', unknown: 'OTHER STUDY' };

/** A study of the answer of `/hanging/`, and how it stands to the one that the page is about. */
export function describeStudy(json, current) {
  const { study_instance_uid: uid, study_date: date, study_description: description } = json;
  const days = date && current.study_date && (Date.parse(date) - Date.parse(current.study_date)) / DAY_MS;
  const relation = relationOf(days);
  return {
    uid,
    description,
    modalities: json.modalities_in_study,
    relation,
    label: `${RELATIONS[relation]} ${date ?? 'without a date'}`,
    age: relation === 'earlier' || relation === 'later' ? `${spanOf(Math.abs(days))} ${relation}` : '',
  };
}

function relationOf(days) {
  if (typeof days !== 'number') return 'unknown';
  if (days === 0) return 'same';
  return days < 0 ? 'earlier' : 'later';
}

/** Days as people say them: days up to two months, months up to two years, then years. */
export function spanOf(days) {
  if (days < 61) return counted(days, 'day');
  if (days < 730) return counted(Math.round(days / 30.44), 'month');
  return counted(Math.floor(days / 365.25), 'year');
}

const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** The series of another study, asked for once; after a failure anew. */
export async function seriesOf(study) {
  study.asked ??= loadSeriesList(study);
  try {
    study.seriesList = await study.asked;
  } catch (error) {
    study.asked = undefined;
    throw error;
  }
  return study.seriesList;
}

/** Collapsed groups below the series of the page's own study; a group loads when it is opened. */
export function listOthers(root, { others, hasMore, rail }) {
  const heading = element('h2', { textContent: 'Other studies' });
  root.replaceChildren(heading, ...others.map((study) => makeGroup(study, rail)));
  if (hasMore) root.append(line('There are more; the study page lists them.'));
  root.hidden = !others.length;
}

function makeGroup(study, rail) {
  const group = element('details');
  group.dataset.studyInstanceUid = study.uid;
  group.dataset.relation = study.relation;
  const summary = element('summary', {},
    line(study.label, 'name'),
    line(study.age, 'age'),
    line([study.modalities.join(', '), study.description].filter(Boolean).join(' · '), 'description'),
  );
  const list = element('ul');
  group.append(summary, openBeside(study), list);
  const fill = async () => {
    if (!group.open || list.childElementCount) return;
    try {
      rail.list(list, await seriesOf(study));
    } catch (error) {
      const again = button('Try again', () => {
        list.replaceChildren();
        fill();
      });
      list.replaceChildren(item(line(explainFailure(error))), item(again));
    }
  };
  group.addEventListener('toggle', fill);
  return group;
}

const openBeside = (study) =>
  Object.assign(button('Second window'), {
    className: 'beside',
    title: 'Open this study in a second window',
    onclick: ({ target }) =>
      target.dispatchEvent(new CustomEvent('second-window', { detail: study, bubbles: true })),
  });

/** A pane that shows another study than the page's says so, in words and by its border. */
export function labelPane(pane, pageStudy) {
  const study = pane.series?.study;
  const { element: box } = pane;
  box.querySelector('.other-study')?.remove();
  delete box.dataset.relation;
  if (!study || study.uid === pageStudy.uid) return;
  box.dataset.relation = study.relation;
  box.append(line([study.label, study.age].filter(Boolean).join(' · '), 'other-study'));
}

const line = (textContent, className = '') => element('span', { textContent, className });
const item = (content) => element('li', {}, content);
