// How numbers are drawn: the configuration of Chart.js for each shape.
import { written } from "./numbers.js";

// Told apart also by who sees few colours (after Okabe and Ito), on dark and on light.
const PALETTE = [
  "#3fa7d6", "#e69f00", "#2fb183", "#cc79a7", "#d0c83a", "#d9683c", "#7f8cf0", "#8fb8c9", "#b58b5a", "#8a949c",
];
const ACCENT = "#3fa7d6";
const THICKEST = 36; // pixels of a bar

const ticks = (unit) => ({ callback: (value) => written(value, unit), maxTicksLimit: 6 });
const tooltip = (chart) => ({
  callbacks: {
    label: ({ dataset, raw }) => `${dataset.label}: ${written(raw, chart.lines[dataset.line].unit)}`,
  },
});

function stacked(chart, options, colours) {
  const parts = chart.lines.filter((line) => !line.name.startsWith("All "));
  const datasets = chart.lines.map((line, number) => ({
    label: line.name,
    data: line.values,
    line: number,
    ...(parts.includes(line)
      ? { backgroundColor: PALETTE[parts.indexOf(line) % PALETTE.length], stack: "parts", maxBarThickness: THICKEST }
      : { type: "line", borderColor: colours.text, backgroundColor: colours.text, borderWidth: 1.5, pointRadius: chart.labels.length > 60 ? 0 : 2, stack: "all" }),
  }));
  return {
    type: "bar",
    data: { labels: chart.labels, datasets },
    options: {
      ...options,
      scales: { x: { stacked: true }, y: { stacked: true, beginAtZero: true, ticks: ticks(chart.lines[0].unit) } },
      plugins: { tooltip: tooltip(chart), legend: { position: "bottom", labels: { boxWidth: 12 } } },
    },
  };
}

function bars(chart, options) {
  const [line] = chart.lines;
  return {
    type: "bar",
    data: { labels: chart.labels, datasets: [{ label: line.name, data: line.values, line: 0, backgroundColor: ACCENT, maxBarThickness: THICKEST }] },
    options: {
      ...options,
      indexAxis: "y",
      scales: { x: { beginAtZero: true, ticks: ticks(line.unit) }, y: { ticks: { autoSkip: false, font: { size: 11 } } } },
      plugins: { tooltip: tooltip(chart), legend: { display: false } },
    },
  };
}

function area(chart, options) {
  const [held, added] = chart.lines;
  return {
    type: "bar",
    data: {
      labels: chart.labels,
      datasets: [
        { label: held.name, data: held.values, line: 0, type: "line", fill: true, borderColor: ACCENT, backgroundColor: `${ACCENT}33`, pointRadius: 0 },
        { label: `${added.name} (right)`, data: added.values, line: 1, backgroundColor: PALETTE[1], yAxisID: "added", maxBarThickness: THICKEST },
      ],
    },
    options: {
      ...options,
      interaction: { mode: "index", intersect: false },
      scales: {
        y: { beginAtZero: true, ticks: ticks("bytes") },
        added: { position: "right", beginAtZero: true, grid: { display: false }, ticks: ticks("bytes") },
      },
      plugins: { tooltip: tooltip(chart), legend: { position: "bottom", labels: { boxWidth: 12 } } },
    },
  };
}

// Hours across, days down: the fuller a square, the more studies.
function heat(chart, options, colours) {
  const most = Math.max(1, ...chart.lines.flatMap((line) => line.values));
  const days = chart.lines.map((line) => line.name);
  const points = chart.lines.flatMap((line, y) => line.values.map((number, x) => ({ x, y, number })));
  const axis = (labels) => ({
    min: -0.5, max: labels.length - 0.5, grid: { display: false }, border: { color: colours.line },
    ticks: { stepSize: 1, autoSkip: false, callback: (value) => labels[value] ?? "" },
    afterBuildTicks: (scale) => { scale.ticks = labels.map((_, value) => ({ value })); },
  });
  return {
    type: "scatter",
    data: {
      datasets: [{
        label: "Studies",
        data: points,
        pointStyle: "rect",
        backgroundColor: ({ raw }) => `rgb(63 167 214 / ${raw ? (0.06 + 0.94 * raw.number / most).toFixed(3) : 0})`,
        borderWidth: 0,
        pointRadius: ({ chart: drawn }) => Math.max(4, (drawn.width - 60) / chart.labels.length / 1.5),
        hoverRadius: ({ chart: drawn }) => Math.max(4, (drawn.width - 60) / chart.labels.length / 1.5),
      }],
    },
    options: {
      ...options,
      clip: false,
      scales: { x: axis(chart.labels), y: { ...axis(days), reverse: true } },
      plugins: {
        legend: { display: false },
        tooltip: { callbacks: { label: ({ raw }) => `${days[raw.y]} ${chart.labels[raw.x]}:00: ${written(raw.number, "studies")}` } },
      },
    },
  };
}

export const SHAPES = { stacked, bars, area, heat };
