// Which cards are open, and what the user did with them: kept over pages and told to the other tabs by the browser, told
// to the user's other browsers by the server. What the server could not be told, for want of a network, is told later.
import { ask } from "./fragments.js";
import { connected } from "./live.js";

const MOST_CLOSED = 200;
const RETRY_MS = 10_000;
let retry = 0; // the timer of the next try
const store = `pbxd-cards-${document.body.dataset.user}`;
const channel = "BroadcastChannel" in window ? new BroadcastChannel(store) : null;

/**
 * `chosen` says whom the user took a caller for, by call, and `untold` which cards they closed, as long as the server
 * does not know.
 * @typedef {{open: string[], closed: string[], chosen: Record<string, string>, untold: string[]}} Kept
 */

/** @returns {Kept} */
export function kept() {
  const none = { open: [], closed: [], chosen: {}, untold: [] };
  try {
    return { ...none, ...JSON.parse(localStorage.getItem(store) ?? "{}") };
  } catch {
    return none;
  }
}

/** @param {(now: Kept) => void} change */
export function keep(change) {
  const now = kept();
  change(now);
  now.closed = now.closed.slice(-MOST_CLOSED);
  now.untold = now.untold.slice(-MOST_CLOSED);
  now.chosen = Object.fromEntries(Object.entries(now.chosen).slice(-MOST_CLOSED));
  try {
    localStorage.setItem(store, JSON.stringify(now));
  } catch {
    // A browser that keeps nothing: cards are open until the next page.
  }
}

/** Note that a card is closed, wherever that was done. @param {string} id */
export function noteClosed(id) {
  keep((now) => {
    now.open = now.open.filter((each) => each !== id);
    if (!now.closed.includes(id)) now.closed.push(id);
    delete now.chosen[id];
  });
}

/** The user closed a card: everybody of theirs is told. @param {string} id */
export function closeEverywhere(id) {
  noteClosed(id);
  keep((now) => now.untold.push(id));
  channel?.postMessage({ close: id });
  tellClosed(id);
}

/** The user took a caller for a contact. @param {string} id @param {string} contact */
export function chooseEverywhere(id, contact) {
  keep((now) => (now.chosen[id] = contact));
  channel?.postMessage({ choose: id });
  tellChosen(id, contact);
}

/** @param {string} id */
async function tellClosed(id) {
  if (await told(`/card/${id}/close`)) keep((now) => (now.untold = now.untold.filter((each) => each !== id)));
}

/** @param {string} id @param {string} contact */
async function tellChosen(id, contact) {
  if (!(await told(`/card/${id}/contact`, { contact }))) return;
  keep((now) => {
    if (now.chosen[id] === contact) delete now.chosen[id]; // the server knows, also of a later choice elsewhere
  });
}

/** @param {string} url @param {Record<string, string>} [fields] */
async function told(url, fields = {}) {
  const body = new URLSearchParams({ ...fields, _user: document.body.dataset.user ?? "" });
  const answer = await ask(url, { method: "POST", body, keepalive: true }).catch(() => null);
  const done = answer !== null && answer.status !== 401 && answer.status < 500; // what is refused is not told again
  if (!done) retry ||= window.setTimeout(tellRest, RETRY_MS); // one for all that is untold
  return done;
}

/** Tell the server what it could not be told before. */
function tellRest() {
  window.clearTimeout(retry);
  retry = 0;
  if (!connected()) return;
  const now = kept();
  for (const id of now.untold) tellClosed(id);
  for (const [id, contact] of Object.entries(now.chosen)) tellChosen(id, contact);
}

window.addEventListener("online", tellRest);
document.addEventListener("pbxd:connected", tellRest);

/** @param {(what: {close?: string, choose?: string}) => void} hear what another tab did */
export function hearOthers(hear) {
  if (channel) channel.onmessage = ({ data }) => hear(data);
}
