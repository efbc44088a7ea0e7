// Loaded before the first paint, so that no page flashes in the wrong colours. Dark unless the
// person chose otherwise; the key and its values are those of Django's admin, which follows.
const theme = localStorage.getItem("theme") || "dark";
localStorage.setItem("theme", theme);
document.documentElement.dataset.theme = theme;
