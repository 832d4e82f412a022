// Menus that open above the page: arrows move, Escape and a choice close; `data-copy` copies instead of following a link.
import { say } from "./fragments.js";

// Of a row of tabs that is wider than the screen, the current one is in sight.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const row = tab.parentElement;
  if (row) row.scrollLeft = tab.getBoundingClientRect().left - row.getBoundingClientRect().left - row.clientWidth / 3;
}

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLElement) || menu.getAttribute("role") !== "menu") return;
  if (event instanceof ToggleEvent && event.newState === "open") items(menu)[0]?.focus();
}, true);

document.addEventListener("keydown", (event) => {
  const here = event.target instanceof Element && event.target.closest("[role=menuitem]");
  const menu = here && here.closest("[role=menu]");
  if (!(menu instanceof HTMLElement) || !here) return;
  const all = items(menu);
  const place = all.indexOf(/** @type {HTMLElement} */ (here));
  const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  all.at(next % all.length)?.focus();
});

// From a search field the arrows lead to the choices it found, and back.
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const here = event.target;
  if (!step || !(here instanceof HTMLElement)) return;
  const form = here instanceof HTMLInputElement && here.type === "search" ? here.form : null;
  const results = form ? document.getElementById(form.dataset.into ?? "") : here.closest(".choices")?.closest("[id]");
  const field = results && document.querySelector(`[data-into="${results.id}"] [type="search"]`);
  if (!(field instanceof HTMLElement)) return;
  const all = [field, ...results.querySelectorAll(".choices button")];
  const next = all[all.indexOf(here) + step];
  if (all.length < 2 || !(next instanceof HTMLElement)) return;
  event.preventDefault();
  next.focus();
});

document.addEventListener("click", (event) => {
  const item = event.target instanceof Element && event.target.closest("[data-copy]");
  if (!(item instanceof HTMLAnchorElement)) return;
  event.preventDefault();
  copy(item.dataset.copy || item.href).then((done) => {
    if (!done) window.location.assign(item.href);
    else say(item.dataset.said ?? "");
  });
  const menu = item.closest("[popover]");
  if (menu instanceof HTMLElement) menu.hidePopover();
});

/** @param {HTMLElement} menu @returns {HTMLElement[]} */
const items = (menu) => [...menu.querySelectorAll("[role=menuitem]")].filter((each) => each instanceof HTMLElement);

/** Put a text into the clipboard; without HTTPS browsers have only the old way. @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "unseen";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
