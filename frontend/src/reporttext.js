/** Reports in words and in nodes of the page. */
import { element } from './dom.js';
import { SECTIONS } from './draft.js';
import { explainFailure } from './reasons.js';

/** What the server says of a failure, else what its status means. */
export function wordsOf(error) {
  const { detail } = error.detail ?? {};
  return typeof detail === 'string' ? detail : explainFailure(error);
}

/** Of the state of a draft, or of the report that is only read. */
export function statusInWords(state, report, isWritten) {
  if (state === 'saving') return 'Saving…';
  if (state === 'changed') return 'Not saved yet';
  if (!report) return isWritten ? 'No report yet' : 'There is no signed report yet.';
  if (report.is_signed) return `Signed by ${report.signed_by}, ${momentOf(report.signed_at)}`;
  return `Draft, saved by ${report.saved_by}, ${momentOf(report.saved_at)}`;
}

/** In the reader's time; Sweden writes it as 2026-03-01 14:05. */
const momentOf = (time) => new Date(time).toLocaleString('sv', { dateStyle: 'short', timeStyle: 'short' });

/** All sections of a text in one. */
export const wholeText = (text) => SECTIONS.map((name) => text[name]).filter(Boolean).join('\n\n');

/** A report to be read: its sections, then its addenda with their signatures. */
export function reportNodes(report) {
  const sections = SECTIONS.filter((name) => report[name]).flatMap((name) => [
    part('h3', name[0].toUpperCase() + name.slice(1)),
    part('p', report[name]),
  ]);
  const addenda = report.addenda.flatMap(({ number, text, signed_by: by, signed_at: at }) => [
    part('h3', `Addendum ${number}`),
    part('p', text),
    part('p', `Signed by ${by}, ${momentOf(at)}`, 'quiet'),
  ]);
  return [...sections, ...addenda];
}

const part = (name, textContent, className = 'text') => element(name, { textContent, className, dir: 'auto' });
