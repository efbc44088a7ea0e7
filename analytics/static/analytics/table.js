// The numbers behind a chart as a table, and those that no bar shows as a list.
import { isEmpty, written } from "./numbers.js";

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(text);
  return made;
}

export function showTable(place, chart, list) {
  if (isEmpty(chart)) return place.replaceChildren("Nothing in this period.");
  const head = element("tr", "", {});
  head.append(element("th", chart.heading, { scope: "col" }));
  for (const line of chart.lines) head.append(element("th", line.name, { scope: "col", class: "number" }));
  const body = element("tbody", "");
  chart.labels.forEach((label, row) => body.append(rowOf(chart, label, row, list)));
  const table = element("table", "", { class: "table" });
  const headRows = element("thead", "");
  headRows.append(head);
  table.append(headRows, body);
  return place.replaceChildren(table);
}

function rowOf(chart, label, row, list) {
  const made = element("tr", "");
  const address = list && chart.addresses[row];
  const name = address ? element("a", label, { href: `${list}?${address}` }) : label;
  made.append(element("th", name, { scope: "row" }));
  for (const line of chart.lines) {
    const value = written(line.values[row], line.unit);
    made.append(element("td", value, { class: "number", "data-label": line.name }));
  }
  return made;
}

export function showFacts(place, chart) {
  place.replaceChildren(
    ...Object.entries(chart.facts).map(([name, value]) => {
      const fact = element("div", "");
      fact.append(element("dt", name), element("dd", value));
      return fact;
    }),
  );
}
