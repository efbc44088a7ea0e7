/** Waveforms (PS3.3 C.10.9): electrocardiograms on millimetre paper, other signals to their own scale. */
import { number, text } from './attributes.js';
import { choice, element, field, shape } from './dom.js';
import { readGroups } from './waveform.js';

const PAPER_MM = 250; // width of a line: ten seconds at 25 mm/s
const ROW_MM = 26;
const MARGIN_MM = 6;
// The usual sheet: three lines of four leads, and one lead all along for the rhythm.
const SHEET = [['I', 'AVR', 'V1', 'V4'], ['II', 'AVL', 'V2', 'V5'], ['III', 'AVF', 'V3', 'V6']];
const RHYTHM = 'II';
const SPEEDS = [12.5, 25, 50, 100]; // mm/s
const GAINS = [2.5, 5, 10, 20, 40]; // mm/mV
const POINTS_PER_MM = 20;
const LISTED = 60; // annotations

export const isWaveform = (instance) => Boolean(instance['54000100']?.Value?.length);

export function waveformNode(_series, instance) {
  const node = element('div', { className: 'ecg' });
  let groups;
  try {
    groups = readGroups(instance);
  } catch (error) {
    node.append(element('p', { textContent: `The waveform cannot be drawn. ${error.message}` }));
    return node;
  }
  const view = { group: 0, speed: 25, gain: 10, start: 0, layout: hasSheet(groups[0]) ? 'sheet' : 'rows' };
  const controls = element('div', { className: 'document-bar' });
  const paper = element('div', { className: 'paper' });
  const draw = () => paper.replaceChildren(drawGroup(groups[view.group], view));
  const change = (name) => (setting) => {
    view[name] = Number.isNaN(Number(setting)) ? setting : Number(setting);
    if (name === 'group') Object.assign(view, { start: 0, layout: hasSheet(groups[view.group]) ? 'sheet' : 'rows' });
    fillControls(controls, groups, view, change);
    draw();
  };
  fillControls(controls, groups, view, change);
  draw();
  node.append(controls, element('p', { textContent: summary(groups[0]) }), paper, ...findings(instance));
  return node;
}

function fillControls(bar, groups, view, change) {
  const group = groups[view.group];
  const parts = [];
  if (groups.length > 1) {
    const options = groups.map(({ label }, index) => [index, label || `Group ${index + 1}`]);
    parts.push(field('Recording', choice(options, view.group, change('group'))));
  }
  if (hasSheet(group)) {
    parts.push(field('Layout', choice([['sheet', '3 × 4 and rhythm'], ['rows', 'One below the other']], view.layout, change('layout'))));
  }
  parts.push(field('Speed', choice(SPEEDS.map((speed) => [speed, `${speed} mm/s`]), view.speed, change('speed'))));
  parts.push(field('Gain', choice(GAINS.map((gain) => [gain, `${gain} mm/mV`]), view.gain, change('gain'))));
  const shown = PAPER_MM / view.speed;
  if (group.seconds > shown) {
    const slider = element('input', { type: 'range', min: 0, max: group.seconds - shown, step: shown / 10 });
    slider.value = view.start;
    slider.addEventListener('change', () => change('start')(slider.value));
    parts.push(field(`From second ${view.start.toFixed(1)} of ${group.seconds.toFixed(1)}`, slider));
  }
  bar.replaceChildren(...parts);
}

const named = (group, lead) => group.channels.find((channel) => channel.lead === lead);
const hasSheet = (group) => SHEET.flat().every((lead) => named(group, lead));

// --- Words ---------------------------------------------------------------------------------------

function summary({ channels, seconds, frequency }) {
  const filters = new Set(channels.map(filterLine).filter(Boolean));
  const leads = channels.map(({ name }) => name).join(', ');
  return [
    `${channels.length} channels: ${leads}.`,
    `${seconds.toFixed(1)} s at ${frequency} Hz.`,
    filters.size ? `Filter: ${[...filters].join('; ')}.` : 'No filter is stated.',
  ].join(' ');
}

function filterLine({ low, high, notch }) {
  const band = low === undefined && high === undefined ? '' : `${low ?? '?'} to ${high ?? '?'} Hz`;
  return [band, notch && `notch ${notch} Hz`].filter(Boolean).join(', ');
}

/** What the device or a reader has written about it (C.10.10): sentences, then measurements. */
function findings(instance) {
  const annotations = instance['0040B020']?.Value ?? [];
  const sentences = annotations.map((one) => text(one, '00700006')).filter(Boolean).slice(0, LISTED);
  const measured = annotations.filter((one) => number(one, '0040A30A') > 0).slice(0, LISTED);
  const parts = sentences.map((words) => element('p', { textContent: words }));
  if (!measured.length) return parts;
  const rows = measured.map((one) => {
    const [concept, unit] = ['0040A043', '004008EA'].map((tag) => one[tag]?.Value?.[0] ?? {});
    return element(
      'tr', {},
      element('th', { scope: 'row', textContent: text(concept, '00080104') || text(concept, '00080100') }),
      element('td', { textContent: `${number(one, '0040A30A')} ${text(unit, '00080100')}` }),
    );
  });
  const caption = element('caption', { textContent: 'Measurements' });
  return [...parts, element('table', {}, caption, element('tbody', {}, ...rows))];
}

// --- Drawing -------------------------------------------------------------------------------------

function drawGroup(group, view) {
  const cells = view.layout === 'sheet' ? sheetCells(group, view) : rowCells(group, view);
  const rows = 1 + Math.max(...cells.map(({ row }) => row));
  const height = rows * ROW_MM + 2 * MARGIN_MM;
  const drawing = shape('svg', {
    viewBox: `0 0 ${PAPER_MM + 2 * MARGIN_MM} ${height}`,
    role: 'img',
    'aria-label': `${summary(group)} Drawn at ${view.speed} mm/s and ${view.gain} mm/mV.`,
  });
  drawing.append(...grid(PAPER_MM + 2 * MARGIN_MM, height));
  for (const cell of cells) drawing.append(...drawCell(cell, view, group.frequency));
  const scale = shape('text', { x: MARGIN_MM, y: height - 1.5, class: 'lead' });
  scale.textContent = `${view.speed} mm/s  ${view.gain} mm/mV  ${filterLine(group.channels[0])}`;
  drawing.append(scale);
  return drawing;
}

/** Which channel is drawn where: row, first millimetre and how many, from which second on. */
function sheetCells(group, { speed, start }) {
  const width = PAPER_MM / 4;
  const cells = SHEET.flatMap((leads, row) => leads.map((lead, column) => ({
    channel: named(group, lead), row, x: column * width, width, from: start + (column * width) / speed,
  })));
  return [...cells, { channel: named(group, RHYTHM), row: SHEET.length, x: 0, width: PAPER_MM, from: start }];
}

const rowCells = (group, { start }) =>
  group.channels.map((channel, row) => ({ channel, row, x: 0, width: PAPER_MM, from: start }));

function drawCell({ channel, row, x, width, from }, { speed, gain }, frequency) {
  const [left, middle] = [MARGIN_MM + x, MARGIN_MM + (row + 0.5) * ROW_MM];
  const scale = channel.millivolts ? gain * channel.millivolts : ROW_MM / 2 / (channel.peak || 1);
  const first = Math.round(from * frequency);
  const count = Math.min(channel.samples.length - first, Math.ceil((width / speed) * frequency));
  const label = shape('text', { x: left + 1, y: middle - ROW_MM / 2 + 4, class: 'lead' });
  label.textContent = channel.millivolts ? channel.name : `${channel.name} (${ROW_MM / 2} mm = ${channel.peak.toPrecision(3)} ${channel.unit})`;
  const d = trace(channel.samples, first, count, (n) => left + (n / frequency) * speed, (v) => middle - v * scale);
  return [shape('path', { d, class: 'trace', 'data-lead': channel.lead || channel.name }), label];
}

/** A path through the samples; where they lie closer than can be drawn, through their extremes. */
function trace(samples, first, count, xOf, yOf) {
  const step = Math.max(1, Math.floor(1 / POINTS_PER_MM / Math.max(xOf(1) - xOf(0), 1e-9)));
  let path = '';
  let isOpen = false;
  const to = (n, amount) => {
    path += `${isOpen ? 'L' : 'M'}${xOf(n).toFixed(2)} ${yOf(amount).toFixed(2)}`;
    isOpen = true;
  };
  for (let n = 0; n < count; n += step) {
    const some = samples.subarray(first + n, first + Math.min(count, n + step)).filter((v) => !Number.isNaN(v));
    if (!some.length) {
      isOpen = false; // padding: a gap in the line
    } else {
      to(n, Math.min(...some));
      if (some.length > 1) to(n, Math.max(...some));
    }
  }
  return path;
}

function grid(width, height) {
  const lines = (step) => {
    let d = '';
    for (let x = 0; x <= width; x += step) d += `M${x} 0V${height}`;
    for (let y = 0; y <= height; y += step) d += `M0 ${y}H${width}`;
    return d;
  };
  return [shape('path', { d: lines(1), class: 'fine' }), shape('path', { d: lines(5), class: 'coarse' })];
}
