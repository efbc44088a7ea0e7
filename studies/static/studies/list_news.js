// Tells of studies that arrive while the list is open, and keeps its rows up to date in place.
const INTERVAL_MS = 10_000;
const LONGEST_MS = 160_000;
const TIMEOUT_MS = 8000;

const news = document.getElementById("news");
const rows = new Map();
for (const row of document.querySelectorAll("#studies [data-row]")) rows.set(Number(row.dataset.row), row);
const arrived = new Set();
let mark = news?.dataset.mark;
let wait = INTERVAL_MS;
let timer;
let isAsking = false;
let isOver = false;
let hasMore = false;

function write(row, field, text, className) {
  const cell = row.querySelector(`[data-field=${field}]`);
  if (!cell || cell.textContent.trim() === text) return;
  cell.textContent = text;
  if (className) cell.className = className;
}

function update(study) {
  const row = rows.get(study.id);
  write(row, "reading", study.reading, `badge reading-${study.reading_status}`);
  write(row, "priority", study.priority_name, `badge priority-${study.priority}`);
  write(row, "reader", study.reader);
  write(row, "comments", String(study.number_of_comments));
}

function announce() {
  const number = `${hasMore ? "More than " : ""}${arrived.size}`;
  const text = `${number} new ${arrived.size === 1 && !hasMore ? "study" : "studies"}`;
  if (news.dataset.said === text) return; // a live region would repeat itself
  news.dataset.said = text;
  const link = document.createElement("a");
  link.href = "";
  link.className = "button";
  link.textContent = "Show";
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const address = new URL(location);
    for (const name of ["after", "before", "end"]) address.searchParams.delete(name);
    location.assign(address);
  });
  news.replaceChildren(`${text} `, link);
}

async function ask() {
  const address = new URL(news.dataset.url, location);
  address.searchParams.set("after", mark);
  address.searchParams.set("rows", [...rows.keys()].join(","));
  const response = await fetch(address, {
    headers: { Accept: "application/json", "X-Background": "1" }, // no activity of a person
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status >= 400 && response.status < 500 && response.status !== 429) isOver = true;
  if (!response.ok) throw new Error(response.status);
  const changes = await response.json();
  mark = changes.mark;
  changes.rows.forEach(update);
  for (const key of changes.new) arrived.add(key);
  hasMore ||= changes.has_more;
  if (arrived.size) announce();
}

async function poll() {
  clearTimeout(timer);
  if (isAsking || isOver || document.hidden) return;
  isAsking = true;
  try {
    await ask();
    wait = INTERVAL_MS;
  } catch {
    wait = Math.min(wait * 2, LONGEST_MS);
  }
  isAsking = false;
  timer = setTimeout(poll, wait);
}

if (news) {
  document.addEventListener("visibilitychange", poll);
  timer = setTimeout(poll, INTERVAL_MS);
}
