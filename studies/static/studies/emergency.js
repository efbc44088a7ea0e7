// Counts an emergency down, and leaves the page when it is over: what it shows is not to be seen then.
for (const strip of document.querySelectorAll("[data-emergency-seconds]")) {
  const timer = strip.querySelector("[role=timer]");
  const ends = Date.now() + Number(strip.dataset.emergencySeconds) * 1000;
  const show = () => {
    const minutes = Math.ceil((ends - Date.now()) / 60_000);
    if (minutes <= 0) location.reload();
    else timer.textContent = `It ends in ${minutes} minute${minutes === 1 ? "" : "s"}.`;
  };
  show();
  setInterval(show, 15_000);
}
