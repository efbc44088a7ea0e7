// Asking for the numbers of a chart, and writing them.
const TIMEOUT_MS = 20_000;
const digits = new Intl.NumberFormat("en-GB");
const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"];

// Gives { chart }, or { problem }: a sentence.
export async function ask(url) {
  try {
    const response = await fetch(url, {
      // A page that refreshes itself keeps nobody signed in.
      headers: { Accept: "application/json", "X-Background": "1" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.ok) return { chart: await response.json() };
    if (response.status === 401) return { problem: "Signed out: reload the page to sign in." };
    const answer = await response.json().catch(() => ({}));
    return { problem: answer.detail ?? "The portal could not count this. It is asked again." };
  } catch {
    return { problem: "The portal does not answer. It is asked again." };
  }
}

export const isEmpty = (chart) => !chart.labels.length || !chart.lines.length;

export function written(value, unit) {
  return unit === "bytes" ? bytes(value) : digits.format(value);
}

function bytes(value) {
  let [number, unit] = [value, 0];
  while (Math.abs(number) >= 1000 && unit < UNITS.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${unit ? number.toPrecision(3) : number} ${UNITS[unit]}`;
}
