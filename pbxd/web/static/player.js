// The button of a row with a recording opens the player of its story below the row; one at a time, and nothing is loaded before.
import { ask, parsed, say } from "./fragments.js";

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[data-play]");
  if (!(link instanceof HTMLAnchorElement) || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const row = link.closest("tr");
  const open = row?.nextElementSibling?.matches(".player");
  closeAll();
  if (row && !open) listen(link, row);
});

document.addEventListener("keydown", (event) => {
  const player = event.key === "Escape" && event.target instanceof Element && event.target.closest(".player");
  const link = player && player.previousElementSibling?.querySelector("[data-play]");
  if (!(link instanceof HTMLElement)) return;
  closeAll();
  link.focus();
});

function closeAll() {
  for (const player of document.querySelectorAll(".player")) {
    player.previousElementSibling?.querySelector("[data-play]")?.setAttribute("aria-expanded", "false");
    player.remove();
  }
}

/** @param {HTMLAnchorElement} link @param {HTMLTableRowElement} row */
async function listen(link, row) {
  const answer = await ask(link.href).catch(() => null);
  const story = answer?.ok ? parsed(await answer.text()).querySelector("#recording") : null;
  if (!story) return answer?.ok ? window.location.assign(link.href) : say(document.body.dataset.offline ?? "");
  if (!row.isConnected || row.nextElementSibling?.matches(".player")) return;
  story.querySelector("h2")?.remove();
  const player = document.createElement("tr");
  player.className = "player";
  const cell = player.insertCell();
  cell.colSpan = row.cells.length;
  cell.append(...story.childNodes);
  row.after(player);
  link.setAttribute("aria-expanded", "true");
  player.querySelector("audio")?.play().catch(() => undefined); // what can't be played says so itself
}
