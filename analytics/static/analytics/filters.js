// Dates take the place of a period: the form says so while it is filled in.
const { period, date_from: from, date_to: to } = document.getElementById("filters").elements;

period.addEventListener("change", () => {
  if (period.value) from.value = to.value = "";
});
for (const date of [from, to]) {
  date.addEventListener("change", () => {
    if (date.value) period.value = "";
  });
}
