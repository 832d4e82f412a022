// Cards and what is said are inside the topmost dialog: all around it is inert, also for screen readers.

const cards = document.getElementById("cards");
const regions = [cards, ...["card-said", "connection", "said"].map((id) => document.getElementById(id))];

/** Put cards and what is said into what is topmost now. */
export function settle() {
  const home = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
  for (const region of regions) if (region && region.parentElement !== home) home.append(region);
  const shown = cards?.matches(":popover-open");
  if (cards?.children.length && !shown) cards.showPopover();
  if (!cards?.children.length && shown) cards?.hidePopover();
}

document.addEventListener("close", settle, true);
