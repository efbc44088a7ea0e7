// Choosing rows: boxes, Shift for a range, x on the focused row; what is offered while some are.
const form = document.getElementById("chosen");
const boxes = [...(form?.querySelectorAll("tbody input[name=study]") ?? [])];
const all = document.getElementById("choose-all");
const bulk = document.getElementById("bulk");
const count = document.getElementById("chosen-count");
let last;

function tell() {
  const number = boxes.filter((box) => box.checked).length;
  for (const control of bulk.querySelectorAll("select, input, button:not([hidden])")) control.disabled = !number;
  const text = number ? `${number} chosen` : "Choose rows to change several at once.";
  if (count.textContent !== text) count.textContent = text;
  all.checked = number > 0 && number === boxes.length;
  all.indeterminate = number > 0 && number < boxes.length;
}

function choose(box, isRange) {
  if (isRange && last) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
  }
  last = box;
  tell();
}

if (form) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  for (const box of boxes) box.addEventListener("click", (event) => choose(box, event.shiftKey));
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "x" || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.documentElement.dataset.singleKeys === "off") return;
    const row = document.activeElement?.closest("#studies tbody tr");
    if (!row || event.target.matches("input:not([type=checkbox]), select, textarea")) return;
    const box = row.querySelector("input[name=study]");
    box.checked = !box.checked;
    choose(box, event.shiftKey);
  });
  form.addEventListener("submit", (event) => {
    const number = boxes.filter((box) => box.checked).length;
    const isDeletion = event.submitter?.value === "delete";
    if (isDeletion && !confirm(`Delete ${number} ${number === 1 ? "study" : "studies"}?`)) event.preventDefault();
  });
  tell();
}
