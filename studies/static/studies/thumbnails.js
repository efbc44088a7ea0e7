// A thumbnail that the server cannot draw becomes the modality's letters.
function showFallback(image) {
  const text = document.createElement("span");
  text.textContent = image.dataset.fallback;
  image.replaceWith(text);
}

for (const image of document.querySelectorAll("img[data-fallback]")) {
  if (image.complete && image.src && image.naturalWidth === 0) showFallback(image);
  else image.addEventListener("error", () => showFallback(image), { once: true });
}
