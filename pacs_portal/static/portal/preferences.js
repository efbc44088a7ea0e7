// The choices in the user menu, kept by this browser.
const SINGLE_KEYS_OFF = "viewer-shortcuts-off"; // the viewer's own sheet sets the same
const root = document.documentElement;

// Whether a single character may be a command (WCAG 2.1.4); read by the pages' own scripts.
function applySingleKeys() {
  root.dataset.singleKeys = localStorage.getItem(SINGLE_KEYS_OFF) ? "off" : "on";
}

const theme = document.getElementById("theme-choice");
if (theme) {
  theme.value = root.dataset.theme;
  theme.addEventListener("change", () => {
    localStorage.setItem("theme", theme.value);
    root.dataset.theme = theme.value;
  });
}

applySingleKeys();
const singleKeys = document.getElementById("single-keys-choice");
if (singleKeys) {
  singleKeys.checked = root.dataset.singleKeys === "on";
  singleKeys.addEventListener("change", () => {
    if (singleKeys.checked) localStorage.removeItem(SINGLE_KEYS_OFF);
    else localStorage.setItem(SINGLE_KEYS_OFF, "yes");
    applySingleKeys();
  });
}
