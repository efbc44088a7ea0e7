// Keys of the study list: / goes to the search, arrows go from row to row, Enter opens (a link).
const links = [...document.querySelectorAll("#studies .row-link")];

function focusRow(step) {
  const here = links.indexOf(document.activeElement);
  const there = here < 0 ? 0 : Math.min(Math.max(here + step, 0), links.length - 1);
  links[there]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.matches("input, select, textarea")) return;
  if (event.key === "/" && document.documentElement.dataset.singleKeys !== "off") {
    document.querySelector("form[role=search] input:not([type=hidden])")?.focus();
  } else if (event.key === "ArrowDown" && links.length) focusRow(1);
  else if (event.key === "ArrowUp" && links.length) focusRow(-1);
  else return;
  event.preventDefault();
});

// The page size applies as soon as it is chosen; without this script its button does it.
document.querySelector("#size")?.addEventListener("change", (event) => event.target.form.submit());
