// Parts of a page that show contacts and companies come anew when somebody else changes them. Nothing moves under the
// pointer or the focus: what would move waits until both are elsewhere.
import { refresh } from "./live-forms.js";

const PAUSE_MS = 400; // an import is one refresh, not thousands
const KINDS = ["contact.", "company.", "import."];
/** @type {Set<Element>} */
const stale = new Set();
let timer = 0;

document.addEventListener("pbxd:event", (event) => {
  const { kind, subject } = /** @type {CustomEvent} */ (event).detail;
  if (!KINDS.some((each) => String(kind).startsWith(each)) && kind !== "reset") return;
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const one = part.getAttribute("data-subject");
    if (!one || !String(kind).startsWith("contact.") || String(subject) === one) stale.add(part);
  }
  if (stale.size && !timer) timer = window.setTimeout(work, PAUSE_MS);
});

document.addEventListener("pointerout", () => later());
document.addEventListener("focusout", () => later());

function later() {
  if (stale.size && !timer) timer = window.setTimeout(work, PAUSE_MS);
}

function work() {
  timer = 0;
  for (const part of stale) {
    if (!part.isConnected) stale.delete(part);
    if (!part.isConnected || part.matches(":hover") || part.contains(document.activeElement)) continue;
    stale.delete(part);
    refresh(part.id);
  }
}
