// Parts of a page that show contacts and companies come anew when somebody else changes them. Nothing moves under the
// pointer or the focus while somebody uses them: what would move waits until both are elsewhere, or still for ten seconds;
// with `data-prompt` (who waits in a queue) for a moment. A field that somebody types in, and an open menu, stay.
import { refresh } from "./live-forms.js";

const PAUSE_MS = 400; // an import is one refresh, not thousands
const STILL_MS = 10_000;
const PROMPT_MS = 1500;
const EDITED = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select";
const KINDS = ["contact.", "company.", "import."];
/** @type {Set<Element>} */
const stale = new Set();
let timer = 0;
let due = 0; // when it rings
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
  later();
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
document.addEventListener("toggle", () => later(), { capture: true }); // a menu was closed

/** Look again after a pause, or earlier if that is planned. @param {number} [pause] */
function later(pause = PAUSE_MS) {
  const at = performance.now() + pause;
  if (!stale.size || (timer && due <= at)) return;
  clearTimeout(timer);
  due = at;
  timer = window.setTimeout(work, pause);
}

/** How long a part must wait, because somebody points at it or has the focus in it. @param {Element} part */
function waits(part) {
  const focused = document.activeElement;
  if (part.querySelector(".player")) return Infinity; // somebody listens
  if (!part.matches(":hover") && (part === focused || !part.contains(focused))) return 0;
  if (part.querySelector(":popover-open") || (part.contains(focused) && focused?.matches(EDITED))) return Infinity;
  return used + (part.hasAttribute("data-prompt") ? PROMPT_MS : STILL_MS) - performance.now();
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
