// How many calls one missed since one looked at the history, in the menu of every tab.
import { askAgain, put } from "./fragments.js";

const place = document.getElementById("missed");
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("pbxd-missed") : null;

if (place) {
  // The history is open here: the other tabs have nothing left to count.
  if (document.querySelector("[data-history]")) tabs?.postMessage("looked");
  tabs?.addEventListener("message", count);
  document.addEventListener("visibilitychange", () => document.hidden || count());
  document.addEventListener("pbxd:event", (event) => {
    const { kind, data } = /** @type {CustomEvent} */ (event).detail;
    const mine = data?.extensions?.includes(document.body.dataset.extension);
    if (kind === "call.ended" && mine && data.outcome !== "answered") count();
  });
  document.addEventListener("pbxd:reset", count);
}

async function count() {
  if (!place || document.querySelector("[data-history]")) return;
  const answer = await askAgain("/history/missed").catch(() => null);
  if (answer?.ok) put(place, await answer.text());
}
