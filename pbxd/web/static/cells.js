// Cells that show a state (`data-cell` with an id, inside `data-cells="KINDS"`) follow live events; nothing else moves.
// Times that run (`data-running="SECONDS"`) count on from when they came; the browser's clock may be wrong.
import { askAgain, parsed } from "./fragments.js";

const PAUSE_MS = 250; // several events are one look
const MINUTE_MS = 60_000;
/** @type {Map<Element, number>} */
const waiting = new Map();
/** @type {WeakMap<Element, number>} */
const begun = new WeakMap();

document.addEventListener("pbxd:event", (event) => {
  const { kind } = /** @type {CustomEvent} */ (event).detail;
  due((kinds) => kinds.includes(String(kind)));
});
document.addEventListener("pbxd:reset", () => due(() => true));
window.setInterval(() => document.hidden || due(() => true), MINUTE_MS); // no event tells that the PBX is away

/** @param {(kinds: string[]) => boolean} concerns */
function due(concerns) {
  for (const part of document.querySelectorAll("[data-cells]")) {
    const kinds = (part.getAttribute("data-cells") ?? "").split(" ");
    if (!waiting.has(part) && concerns(kinds)) waiting.set(part, window.setTimeout(() => look(part), PAUSE_MS));
  }
}

/** @param {Element} part */
async function look(part) {
  waiting.delete(part);
  const answer = await askAgain(window.location.href).catch(() => null);
  if (!answer?.ok || !part.isConnected) return;
  for (const cell of parsed(await answer.text()).querySelectorAll("[data-cell]")) {
    const here = document.getElementById(cell.id);
    if (!here || here.textContent === cell.textContent) continue;
    here.className = cell.className;
    here.replaceChildren(...cell.childNodes);
  }
}

window.setInterval(() => {
  for (const time of document.querySelectorAll("[data-running]")) {
    const since = begun.get(time) ?? performance.now() - Number(time.getAttribute("data-running")) * 1000;
    begun.set(time, since);
    const seconds = Math.floor((performance.now() - since) / 1000);
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (time.textContent !== text) time.textContent = text;
  }
}, 500);
