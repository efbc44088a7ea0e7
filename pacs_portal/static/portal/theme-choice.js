// The choice of appearance in the user menu.
const choice = document.getElementById("theme-choice");
if (choice) {
  choice.value = document.documentElement.dataset.theme;
  choice.addEventListener("change", () => {
    localStorage.setItem("theme", choice.value);
    document.documentElement.dataset.theme = choice.value;
  });
}
