// How many calls one missed since one looked at the history, in the menu of every tab.
import { askAgain, put } from "./fragments.js";

const place = document.getElementById("missed");
const results = document.querySelector("[data-history]");
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("pbxd-missed") : null;

if (place) {
  // Somebody opened the history, filtered it or had the new calls shown: no tab has anything left to count.
  if (results) tabs?.postMessage("looked");
  document.addEventListener("pbxd:shown", (event) => event.target !== results || looked());
  document.addEventListener("pbxd:looked", looked);
  tabs?.addEventListener("message", count);
  document.addEventListener("visibilitychange", () => document.hidden || count());
  document.addEventListener("pbxd:event", (event) => {
    const { kind, data } = /** @type {CustomEvent} */ (event).detail;
    const mine = data?.extensions?.includes(document.body.dataset.extension);
    if (kind === "call.ended" && mine && data.outcome !== "answered") count();
  });
  document.addEventListener("pbxd:reset", count);
}

function looked() {
  tabs?.postMessage("looked");
  count();
}

async function count() {
  if (!place) return;
  const answer = await askAgain("/history/missed").catch(() => null);
  if (answer?.ok) put(place, await answer.text());
}
