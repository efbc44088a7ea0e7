// A chart as a picture: drawn by Chart.js, clicked for the studies behind it, saved as PNG.
import { isEmpty } from "./numbers.js";
import { savePng } from "./png.js";
import { SHAPES } from "./shapes.js";

export class Picture {
  constructor(section, list) {
    this.section = section;
    this.canvas = section.querySelector("canvas");
    this.list = list;
    this.button = section.querySelector("[data-export=png]");
    this.button.addEventListener("click", () => savePng(this.canvas, section.dataset.chart, this.colours().surface));
  }

  get isDrawn() {
    return Boolean(this.drawn);
  }

  draw(chart) {
    this.chart = chart;
    this.redraw();
  }

  redraw() {
    this.drawn?.destroy();
    this.drawn = null;
    this.button.disabled = !this.chart || isEmpty(this.chart);
    if (this.button.disabled) return;
    const colours = this.colours();
    Object.assign(window.Chart.defaults, { color: colours.text, borderColor: colours.line, animation: false });
    const options = {
      responsive: true,
      maintainAspectRatio: false,
      onClick: (_, elements) => this.open(elements),
      onHover: (event, elements) => {
        event.native.target.style.cursor = this.address(elements) ? "pointer" : "";
      },
    };
    this.drawn = new window.Chart(this.canvas, SHAPES[this.section.dataset.shape](this.chart, options, colours));
  }

  // As the page has them in its present theme: a canvas knows no custom properties.
  colours() {
    const { color, backgroundColor, borderTopColor } = getComputedStyle(this.section);
    return { text: color, surface: backgroundColor, line: borderTopColor };
  }

  address(elements) {
    if (!elements.length || !this.list) return "";
    const { index, datasetIndex } = elements[0];
    const address = this.chart.addresses[index];
    if (!address) return "";
    const modality = this.chart.lines[this.drawn.data.datasets[datasetIndex].line]?.modality;
    const query = new URLSearchParams(address);
    if (modality) query.set("modality", modality);
    return `${this.list}?${query}`;
  }

  open(elements) {
    const address = this.address(elements);
    if (address) window.location.assign(address);
  }
}
