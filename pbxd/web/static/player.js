// The button of a row with a recording opens the player of its story below the row; one at a time, and nothing is loaded before.
import { ask, complaint, parsed, say } from "./fragments.js";
import { signIn } from "./dialogs.js";

/** @type {HTMLAnchorElement | null} the button that was clicked last: only its player opens */
let wanted = null;

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
  wanted = link;
  const answer = await ask(link.href).catch(() => null);
  if (wanted !== link) return;
  if (answer?.status === 401) return signIn(() => listen(link, row));
  if (!answer?.ok) return say(await complaint(answer));
  const story = parsed(await answer.text()).querySelector("#recording");
  if (wanted !== link || !row.isConnected || row.nextElementSibling?.matches(".player")) return;
  if (!story) return window.location.assign(link.href);
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
