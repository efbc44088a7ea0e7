// Says in time that the session will end. Who is at the page is seen by their keys and pointer, and
// told to the server now and then; without them the session ends, whatever the page itself asks.
const WARN_SECONDS = 120;
const AGAIN_MS = 30_000; // after the server has not answered
const TELL_MS = 60_000; // at most so often that somebody is there

const box = document.getElementById("session-warning");
const line = box.querySelector("p");
const button = box.querySelector("button");
const { url, csrfToken, signInUrl } = box.dataset;
let timer;
let wasActive = false;
let toldAt = Date.now();

async function ask(method = "GET") {
  clearTimeout(timer);
  try {
    const headers = { Accept: "application/json", "X-CSRFToken": csrfToken };
    const response = await fetch(url, { method, headers });
    if (response.status === 401) return end();
    if (!response.ok) throw new Error(response.status);
    note(await response.json());
  } catch {
    askIn(AGAIN_MS);
  }
}

function askIn(milliseconds) {
  timer = setTimeout(check, Math.max(1000, milliseconds));
}

// The server alone knows when it ends: another tab may have been used.
function check() {
  if (wasActive && box.hidden) tell();
  else ask();
}

function tell() {
  wasActive = false;
  toldAt = Date.now();
  ask("POST");
}

function note({ remaining_seconds: seconds, longest_seconds: longest }) {
  if (seconds > WARN_SECONDS) {
    box.hidden = true;
    askIn((seconds - WARN_SECONDS) * 1000);
    return;
  }
  const time = new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { timeStyle: "short" });
  button.hidden = longest <= seconds;
  line.textContent = button.hidden
    ? `Your working day in the portal ends at ${time}. Save your work and sign in again.`
    : `You will be signed out at ${time}, because nothing was done here.`;
  if (box.hidden) document.dispatchEvent(new Event("save-work"));
  box.hidden = false;
  askIn(Math.min(seconds + 1, 30) * 1000);
}

// What stood on the page is hidden: whoever passes by now is not who was signed in.
function end() {
  document.dispatchEvent(new Event("save-work"));
  location.assign(`${signInUrl}?next=${encodeURIComponent(location.pathname)}`);
}

function onActivity() {
  wasActive = true;
  if (box.hidden && Date.now() - toldAt > TELL_MS) tell();
}

for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
  document.addEventListener(kind, onActivity, { passive: true });
}
button.addEventListener("click", tell);
// A computer that slept runs no timers.
document.addEventListener("visibilitychange", () => document.hidden || ask());
ask();
