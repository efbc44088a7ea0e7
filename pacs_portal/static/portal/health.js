// The light in the page header: asks the portal whether its database answers.
const INTERVAL_MS = 4000;
const TIMEOUT_MS = 2000;

const TEXTS = {
  up: "Database up",
  down: "Database down",
  unreachable: "Portal does not answer",
  "signed-out": "Signed out: reload to sign in",
};

const light = document.getElementById("health");
const label = light.querySelector("[role=status]");
let timer;
let asking = false;

function show(state) {
  light.dataset.state = state;
  // Written only when it changes: a live region would repeat itself.
  if (label.textContent !== TEXTS[state]) label.textContent = TEXTS[state];
}

async function ask() {
  try {
    const response = await fetch(light.dataset.url, {
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 401) return "signed-out";
    if (response.status === 503) return "down";
    return response.ok ? "up" : "unreachable";
  } catch {
    return "unreachable"; // no connection, or no answer in time
  }
}

async function poll() {
  clearTimeout(timer);
  if (asking || document.hidden || light.dataset.state === "signed-out") return;
  asking = true;
  show(await ask());
  asking = false;
  timer = setTimeout(poll, INTERVAL_MS);
}

document.addEventListener("visibilitychange", poll);
poll();
