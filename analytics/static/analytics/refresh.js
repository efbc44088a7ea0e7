// Does something again and again while the page is seen, and says when it was last done.
const INTERVAL_MS = 30_000;

export function keepFresh(refresh, status) {
  let timer;
  let isBusy = false;

  async function run() {
    clearTimeout(timer);
    if (isBusy || document.hidden) return;
    isBusy = true;
    const worked = await refresh();
    isBusy = false;
    const time = new Date().toISOString().slice(11, 16);
    if (worked) status.dataset.at = time;
    // The time is no news to who listens; that it failed is.
    status.setAttribute("aria-live", worked ? "off" : "polite");
    const last = status.dataset.at ? `; shown is ${status.dataset.at} UTC` : "";
    status.textContent = worked ? `Live, ${time} UTC` : `Not refreshed${last}. Trying again.`;
    timer = setTimeout(run, INTERVAL_MS);
  }

  document.addEventListener("visibilitychange", run);
  run();
}
