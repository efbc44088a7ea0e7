// The page of charts: asks for the numbers of each, draws them, and does so again while it is seen.
import { ask, isEmpty } from "./numbers.js";
import { Picture } from "./picture.js";
import { keepFresh } from "./refresh.js";
import { showFacts, showTable } from "./table.js";

const page = document.getElementById("charts");
const list = page.dataset.list; // empty for who sees no studies

// A section of the page with its chart; what has not changed is left alone, and with it the focus.
class Section {
  constructor(element) {
    this.element = element;
    this.picture = new Picture(element, list);
    this.shown = "";
  }

  async refresh() {
    const { chart, problem } = await ask(this.element.dataset.url);
    const text = JSON.stringify(chart);
    if (chart && text !== this.shown) this.show(chart, text);
    if (problem || chart) this.say(problem ?? (isEmpty(chart) ? "Nothing in this period." : ""));
    return !problem;
  }

  show(chart, text) {
    this.shown = text;
    showTable(this.element.querySelector(".chart-table"), chart, list);
    showFacts(this.element.querySelector(".facts"), chart);
    this.picture.draw(chart);
  }

  say(sentence) {
    const state = this.element.querySelector(".chart-state");
    // Over a picture that is still there a sentence would hide it: the page's own line says so.
    const said = this.shown && this.picture.isDrawn ? "" : sentence;
    if (state.textContent !== said) state.textContent = said;
  }
}

const sections = [...page.querySelectorAll(".chart")].map((element) => new Section(element));

keepFresh(
  async () => (await Promise.all(sections.map((section) => section.refresh()))).every(Boolean),
  document.getElementById("refreshed"),
);
// The colours of a canvas do not follow those of the page.
new MutationObserver(() => sections.forEach((section) => section.picture.redraw())).observe(
  document.documentElement,
  { attributeFilter: ["data-theme"] },
);
