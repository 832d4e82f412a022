// One card a call, in all tabs the same: it comes when it rings, follows the call, and never takes the focus.
//
// Events only say that something happened in a call; what its card shows comes from the server with the visitor's rights.
import { ask, askAgain, fieldsOf, parsed, say } from "./fragments.js";
import { signIn } from "./dialogs.js";
import { settle } from "./regions.js";
import { connected } from "./live.js";
import { alert, calm } from "./card-alerts.js";
import { chooseEverywhere, closeEverywhere, hearOthers, keep, kept, noteClosed } from "./card-store.js";

const LEAVES_MS = 3000; // a call that somebody else answered
const RETRY_MS = 2000;
const CHECK_MS = 20_000; // of calls that go on, whatever was heard of them
const MOST_ASKED = 10; // cards at once
const own = document.body.dataset.extension ?? "";
const place = document.getElementById("cards");

/** @type {Map<string, string>} what one's own phone does in a call, as far as it is known */
const phones = new Map();
/** @type {HTMLElement | null} what had the focus before it went to a card */
let left = null;
/** @type {Set<string>} calls that go on, in which one took part */
const met = new Set();
/** @type {Map<string, {again: boolean, clicked: boolean}>} cards that are being fetched */
const running = new Map();

/** @param {string} id */
const cardOf = (id) => document.getElementById(`card-${id}`);

/** Show a card, or bring what it shows up to date without moving what stays. @param {Element} fresh */
function show(fresh) {
  const id = fresh.getAttribute("data-call") ?? "";
  if (kept().closed.includes(id)) return; // while it was being fetched
  const there = cardOf(id);
  if (!there) add(fresh);
  else renew(there, fresh);
  settle();
  const card = there ?? fresh;
  startTimer(card, fresh);
  keep((now) => {
    if (!now.open.includes(id)) now.open.push(id);
  });
  if (card.hasAttribute("data-leaves")) window.setTimeout(() => card.hasAttribute("data-leaves") && drop(id), LEAVES_MS);
  if (card.getAttribute("data-state") === "ringing") alert(id, card.getAttribute("aria-label") ?? "");
  else calm(id);
}

/**
 * Put a card among the others, the newest call (ids are in order) above, whatever arrived first. One card shows all of
 * it; where room is short, the rest is a click away.
 * @param {Element} fresh
 */
function add(fresh) {
  const id = fresh.getAttribute("data-call") ?? "";
  const older = [...(place?.children ?? [])].find((each) => (each.getAttribute("data-call") ?? "") < id);
  place?.insertBefore(fresh, older ?? null);
  const roomy = place?.children.length === 1 && window.innerHeight > 700 && window.innerWidth > 720;
  if (!roomy) for (const each of place?.querySelectorAll("details") ?? []) each.open = false;
}

/** @param {Element} card @param {Element} fresh */
function renew(card, fresh) {
  for (const name of card.getAttributeNames()) if (!fresh.hasAttribute(name)) card.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (card.getAttribute(name) !== value) card.setAttribute(name, value);
  const status = card.querySelector("[role=status]");
  const said = fresh.querySelector("[role=status]")?.textContent ?? "";
  if (status && status.textContent !== said) status.textContent = said;
  const parts = [...fresh.querySelectorAll(":scope > [data-part]")];
  for (const old of card.querySelectorAll(":scope > [data-part]")) {
    if (!parts.some((part) => part.getAttribute("data-part") === old.getAttribute("data-part"))) old.remove();
  }
  let before = card.querySelector(":scope > .card-top");
  for (const part of parts) {
    const old = card.querySelector(`:scope > [data-part="${part.getAttribute("data-part")}"]`);
    if (!old) before?.after(part);
    else if (old.innerHTML !== part.innerHTML) swap(old, part);
    before = old?.isConnected ? old : part;
  }
}

/** Put a part in another one's place; a button that has the focus and stays keeps it. @param {Element} old @param {Element} part */
function swap(old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceChildren(...part.childNodes);
  if (!focused) return;
  const text = focused.textContent;
  const again = [...old.querySelectorAll("button, a, summary")].find((each) => each.textContent === text);
  const next = again ?? old.querySelector("a, button") ?? old.closest(".card")?.querySelector("[data-close-card]");
  if (next instanceof HTMLElement) next.focus();
}

/** @param {string} id */
function remove(id) {
  calm(id);
  cardOf(id)?.remove();
  settle();
}

/** The card is gone for good in this tab: its call is not the visitor's any more. @param {string} id */
function drop(id) {
  remove(id);
  keep((now) => (now.open = now.open.filter((each) => each !== id)));
}

/** Close a card here and everywhere. @param {string} id */
function close(id) {
  closeEverywhere(id);
  const focused = cardOf(id)?.contains(document.activeElement);
  remove(id);
  const next = place?.querySelector("[data-close-card]") ?? left;
  if (focused && next instanceof HTMLElement) next.focus();
}

/**
 * Fetch a card. If asked again meanwhile, fetch it once more afterwards.
 * @param {string} id @param {boolean} [clicked] somebody wants it
 */
async function refresh(id, clicked = false) {
  const busy = running.get(id);
  if (busy) {
    busy.again = true;
    busy.clicked ||= clicked;
    return;
  }
  const turn = { again: false, clicked };
  running.set(id, turn);
  do {
    const look = turn.clicked ? ask : askAgain;
    turn.again = turn.clicked = false;
    await fetchCard(id, look);
  } while (turn.again);
  running.delete(id);
}

/** @param {string} id @param {(url: string) => Promise<Response>} look */
async function fetchCard(id, look) {
  const choice = kept().chosen[id];
  const answer = await look(`/card/${id}${choice ? `?contact=${choice}` : ""}`).catch(() => null);
  if (answer?.status === 404) return drop(id);
  if (!answer || answer.status >= 500) {
    if (connected()) window.setTimeout(() => refresh(id), RETRY_MS);
    return;
  }
  if (!answer.ok) return;
  const card = parsed(await answer.text()).querySelector(".card");
  if (card) show(card);
}

/**
 * Show the card of a call that this user transferred before the page heard of it. Other calls without this user's phone
 * get no card: they ring elsewhere, or somebody else answered.
 * @param {string} id
 */
async function catchUp(id) {
  const answer = await askAgain(`/card/${id}`).catch(() => null);
  const card = answer?.ok ? parsed(await answer.text()).querySelector(".card") : null;
  if (card?.getAttribute("data-state") === "transferred") show(card);
}

/** Fetch all cards: those of calls under way, and the latest of those that are open still. */
async function refreshAll() {
  const now = kept();
  const open = new Set([...now.open, ...[...(place?.children ?? [])].map((each) => each.getAttribute("data-call") ?? "")]);
  const asked = [...open].sort().slice(-MOST_ASKED); // ids are in the order of the calls
  const answer = await askAgain(`/cards?open=${asked.join(",")}`).catch(() => null);
  if (!answer?.ok) {
    if (answer?.status !== 401 && connected()) window.setTimeout(refreshAll, RETRY_MS);
    return;
  }
  const there = new Set();
  for (const card of parsed(await answer.text()).querySelectorAll(".card")) {
    const id = card.getAttribute("data-call") ?? "";
    there.add(id);
    if (kept().chosen[id]) refresh(id);
    else show(card);
  }
  for (const id of asked) if (!there.has(id) && !running.has(id)) drop(id);
}

document.addEventListener("pbxd:event", (event) => {
  const { kind, subject, data } = /** @type {CustomEvent} */ (event).detail;
  if (kind === "live.call") follow(subject, data);
  else if (kind.startsWith("call.")) {
    if (cardOf(subject)) refresh(subject);
  } else if (kind.startsWith("contact.") || kind.startsWith("company.") || kind.startsWith("import.")) later();
});
document.addEventListener("focusin", ({ target }) => {
  if (target instanceof HTMLElement && !place?.contains(target)) left = target;
});
document.addEventListener("pbxd:connected", () => refreshAll());
document.addEventListener("pbxd:reset", () => refreshAll());
document.addEventListener("pbxd:signed-in", () => refreshAll());

/** @param {string} id @param {{state: string, phones?: Record<string, string>, people?: string[], closed?: string[]}} data */
function follow(id, data) {
  if (data.closed?.includes(own)) {
    noteClosed(id); // in another browser
    return remove(id);
  }
  const phone = data.phones?.[own];
  const mine = data.people?.includes(own) && !met.has(id);
  const again = phone === "ringing" && phones.has(id) && phones.get(id) !== "ringing";
  if (data.state === "over") {
    phones.delete(id);
    met.delete(id);
  } else {
    phones.set(id, phone ?? "");
    if (mine) met.add(id);
  }
  if (again) keep((now) => (now.closed = now.closed.filter((each) => each !== id))); // it was given back
  if (kept().closed.includes(id)) return;
  if (phone || cardOf(id) || running.has(id)) refresh(id);
  else if (mine) catchUp(id);
}

let timer = 0;

/** Fetch cards again: a contact changed, and a card may show another name. */
function later() {
  if (timer || !place?.children.length) return;
  timer = window.setTimeout(() => {
    timer = 0;
    for (const card of [...(place?.children ?? [])]) refresh(card.getAttribute("data-call") ?? "");
  }, 150);
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const card = target?.closest(".card");
  const id = card?.getAttribute("data-call") ?? "";
  const choice = target?.closest("[data-choose]");
  if (target?.closest("[data-close-card]") && id) close(id);
  else if (choice && id) {
    event.preventDefault();
    chooseEverywhere(id, choice.getAttribute("data-choose") ?? "");
    refresh(id, true);
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.dataset.call === undefined) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  send(form, event.submitter);
}, true);

/** Make a call, or end it. @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function send(form, button) {
  const menu = form.closest("[popover]:not(.cards)");
  if (menu instanceof HTMLElement) menu.hidePopover();
  if (form.dataset.busy !== undefined) return;
  form.dataset.busy = ""; // not disabled: that would take the focus from the button
  const answer = await ask(form.action, { method: "POST", body: fieldsOf(form, button) }).catch(() => null);
  delete form.dataset.busy;
  if (answer?.status === 401) return signIn(() => send(form, button));
  if (!answer) return say(document.body.dataset.offline ?? "");
  if (answer.status === 204) return;
  const text = await answer.text();
  const card = answer.ok ? parsed(text).querySelector(".card") : null;
  if (card) show(card);
  else say(answer.headers.get("Content-Type")?.startsWith("text/plain") ? text : document.body.dataset.offline ?? "");
}

/** @type {Map<Element, {from: number, at: number}>} */
const timers = new Map();

/** Let a timer run from what the server says, whatever this computer's clock says. @param {Element} card @param {Element} fresh */
function startTimer(card, fresh) {
  const shown = card.querySelector(".timer");
  const now = fresh.querySelector(".timer");
  if (!shown || !now) return;
  const seconds = now.getAttribute("data-seconds");
  if (seconds === null) {
    timers.delete(shown);
    shown.textContent = now.textContent;
  } else {
    timers.set(shown, { from: Number(seconds), at: performance.now() });
    tick();
  }
}

function tick() {
  for (const [shown, { from, at }] of timers) {
    if (!shown.isConnected) {
      timers.delete(shown);
      continue;
    }
    const passed = Math.floor(from + (performance.now() - at) / 1000);
    const [hours, minutes, seconds] = [Math.floor(passed / 3600), Math.floor(passed / 60) % 60, passed % 60];
    const rest = `${String(seconds).padStart(2, "0")}`;
    const text = hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
    if (shown.textContent !== text) shown.textContent = text;
  }
}
window.setInterval(tick, 250);
window.setInterval(() => {
  for (const card of document.querySelectorAll(".cards > .card:not([data-state=ended])")) {
    refresh(card.getAttribute("data-call") ?? "");
  }
}, CHECK_MS);

// Where the cards cover what is below them, that leaves room of their height.
if (place) {
  new ResizeObserver(([size]) => {
    document.documentElement.style.setProperty("--cards", `${size?.contentRect.height ?? 0}px`); // without padding
  }).observe(place);
}

hearOthers(({ close: closed, choose }) => {
  if (closed) remove(closed);
  if (choose && cardOf(choose)) refresh(choose);
});
