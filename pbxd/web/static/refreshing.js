// Parts of a page that show contacts and companies come anew when somebody else changes them. Nothing moves under the
// pointer or the focus: what would move waits until both are elsewhere; with `data-prompt` (who waits in a queue) until
// both are still for a moment.
import { refresh } from "./live-forms.js";

const PAUSE_MS = 400; // an import is one refresh, not thousands
const STILL_MS = 1500;
const KINDS = ["contact.", "company.", "import."];
/** @type {Set<Element>} */
const stale = new Set();
let timer = 0;
let used = -STILL_MS; // when the pointer or a key was used last

for (const name of ["pointermove", "pointerdown", "keydown"]) {
  document.addEventListener(name, () => (used = performance.now()), { capture: true, passive: true });
}

document.addEventListener("pbxd:event", (event) => {
  const { kind, subject, data } = /** @type {CustomEvent} */ (event).detail;
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const one = part.getAttribute("data-subject");
    const named = part.getAttribute("data-refresh") ?? "";
    const kinds = named.includes(".") ? named.split(" ") : KINDS; // it names kinds of its own, or what it shows
    if (!kinds.some((each) => String(kind).startsWith(each))) continue;
    if (!one || isAbout(one, String(kind), String(subject), data?.contact)) stale.add(part);
  }
  if (stale.size && !timer) timer = window.setTimeout(work, PAUSE_MS);
});

/**
 * Whether an event can change what is shown of one contact; a call without a known contact can be anybody's.
 * @param {string} contact @param {string} kind @param {string} subject @param {unknown} caller
 */
function isAbout(contact, kind, subject, caller) {
  if (kind.startsWith("contact.")) return subject === contact;
  return !kind.startsWith("call.") || !caller || String(caller) === contact;
}

document.addEventListener("pbxd:reset", () => {
  for (const part of document.querySelectorAll("[data-refresh]")) stale.add(part);
  later();
});

document.addEventListener("pointerout", () => later());
document.addEventListener("focusout", () => later());

/** @param {number} [pause] */
function later(pause = PAUSE_MS) {
  if (stale.size && !timer) timer = window.setTimeout(work, pause);
}

/** How long a part must wait, because somebody points at it or has the focus in it. @param {Element} part */
function waits(part) {
  const focused = document.activeElement;
  if (part.querySelector(".player")) return Infinity; // somebody listens
  if (!part.matches(":hover") && (part === focused || !part.contains(focused))) return 0;
  return part.hasAttribute("data-prompt") ? used + STILL_MS - performance.now() : Infinity;
}

function work() {
  timer = 0;
  let pause = 0;
  for (const part of stale) {
    const wait = part.isConnected ? waits(part) : 0;
    if (wait > 0 && wait < Infinity) pause = Math.max(pause, wait);
    if (wait > 0) continue;
    stale.delete(part);
    if (part.isConnected) refresh(part.id);
  }
  if (pause) later(pause);
}
