// The history stays true: calls under way change in place, new ones wait behind a button, so that nothing moves while
// somebody reads. Every change is fetched from the page's own address: filters and rights stay in one place.
import { ask, askAgain, parsed, put, twin } from "./fragments.js";
import { refresh } from "./live-forms.js";

const PAUSE_MS = 3000; // between two looks for new calls: a busy company has many a second
const ROW_PAUSE_MS = 150; // several events of one call are one look at its row
const results = document.querySelector("[data-history]");
const fresh = document.getElementById("fresh");
const call = document.getElementById("call");
/** @type {WeakSet<Element>} */
const due = new WeakSet();
let waiting = "";
let last = 0;
/** @type {number | undefined} */
let timer;

if (results && fresh) {
  document.addEventListener("pbxd:event", (event) => {
    const { kind, subject } = /** @type {CustomEvent} */ (event).detail;
    const row = kind.startsWith("call.") && document.getElementById(`call-${subject}`);
    if (row) rowSoon(row);
    if ((!row && /^(call\.|gap)/.test(kind)) || /joined|merged/.test(kind)) soon();
  });
  document.addEventListener("pbxd:reset", soon);
  document.addEventListener("visibilitychange", () => timer === undefined || document.hidden || look());
  document.addEventListener("pbxd:shown", (event) => {
    if (event.target !== results) return;
    offer(0);
    document.querySelectorAll("a[data-filtered]").forEach(follow);
  });
  // Fetch again, so that calls that came after the last look are shown too before they count as seen.
  fresh.addEventListener("click", async () => {
    const address = window.location.href;
    const answer = await ask(address).catch(() => null);
    const html = answer?.ok ? await answer.text().catch(() => "") : "";
    if (address !== window.location.href) return; // somebody filtered meanwhile
    put(results, html || waiting);
    offer(0);
    if (html) document.dispatchEvent(new Event("pbxd:looked"));
    const first = results.querySelector("tbody a");
    if (first instanceof HTMLElement) first.focus();
  });
}

if (results || call) {
  // A contact was added or changed in a dialog: stay here and show the name.
  document.addEventListener("pbxd:done", (event) => {
    event.preventDefault();
    if (call) window.location.reload();
    else look();
  });
}

if (call) {
  document.addEventListener("pbxd:event", (event) => {
    const { subject } = /** @type {CustomEvent} */ (event).detail;
    if (subject === call.dataset.callId) refresh("call");
  });
  document.addEventListener("pbxd:reset", () => refresh("call"));
}

/** An export has what is shown. @param {Element} link */
function follow(link) {
  if (!(link instanceof HTMLAnchorElement)) return;
  const query = new URLSearchParams(window.location.search);
  query.delete("after");
  query.delete("limit");
  link.href = `${link.dataset.filtered}${query.size ? `?${query}` : ""}`;
}

/** Look soon, but not more often than the pause; a hidden page looks when it is seen again. */
function soon() {
  if (timer !== undefined) return;
  timer = window.setTimeout(() => document.hidden || look(), Math.max(100, last + PAUSE_MS - Date.now()));
}

/** Fetch this page again and take over what changed. */
async function look() {
  clearTimeout(timer);
  timer = undefined;
  last = Date.now();
  const address = window.location.href;
  const answer = await askAgain(address).catch(() => null);
  if (!results || !answer?.ok || address !== window.location.href) return;
  const html = await answer.text();
  const now = parsed(html);
  const table = results.querySelector("table");
  if (!table) return put(results, html);
  const rows = rowsOf(now);
  const known = rowsOf(results);
  for (const [id, row] of known) {
    const changed = rows.get(id);
    if (changed) change(row, changed);
    else if (row.hasAttribute("data-under-way")) one(row);
  }
  const status = now.querySelector("[role=status]");
  if (status) results.querySelector("[role=status]")?.replaceChildren(...status.childNodes);
  if (table.hasAttribute("data-older")) return;
  const ids = [...rows.keys()];
  const place = ids.findIndex((id) => known.has(id));
  waiting = html;
  offer(place < 0 ? ids.length : place);
}

/** @param {ParentNode} part */
function rowsOf(part) {
  return new Map(Array.from(part.querySelectorAll("tr[id^=call-]"), (row) => [row.id, row]));
}

/**
 * Change a row in place. The focus stays on its control; if that is gone (a caller who is in the book now can't be
 * added), it goes to the client's name.
 * @param {Element} row @param {Element} changed
 */
function change(row, changed) {
  if (row.isEqualNode(changed)) return;
  const focused = document.activeElement;
  if (!focused || !row.contains(focused)) return row.replaceWith(changed);
  row.toggleAttribute("data-under-way", changed.hasAttribute("data-under-way"));
  const cells = [...changed.children];
  [...row.children].forEach((cell, place) => {
    const here = cell.contains(focused);
    const again = here ? twin(cells[place], focused) : null;
    if (cell.isEqualNode(cells[place])) return;
    cell.replaceWith(cells[place]);
    if (here) (again ?? row.querySelector(".name a") ?? row.querySelector("a"))?.focus();
  });
}

/** @param {Element} row */
function rowSoon(row) {
  if (due.has(row)) return;
  due.add(row);
  window.setTimeout(() => {
    due.delete(row);
    one(row);
  }, ROW_PAUSE_MS);
}

/** Look at one call alone. @param {Element} row */
async function one(row) {
  const answer = await askAgain(`/history/${row.id.slice("call-".length)}?row=1`).catch(() => null);
  const changed = answer?.ok && rowsOf(parsed(`<table>${await answer.text()}</table>`)).get(row.id);
  if (changed && row.isConnected) change(row, changed);
}

/** Say how many new calls wait. @param {number} count */
function offer(count) {
  if (!fresh) return;
  fresh.hidden = count === 0;
  fresh.textContent = count ? (fresh.dataset.text ?? "").replace("{count}", String(count)) : "";
}
