// A part of a page with `data-poll` in it is fetched again a second after it came, until it comes without.
import { refresh } from "./live-forms.js";

const PAUSE_MS = 1000;

async function poll() {
  const part = document.querySelector("[data-poll]")?.closest("[id]");
  if (part && !document.hidden) await refresh(part.id);
  window.setTimeout(poll, PAUSE_MS);
}

window.setTimeout(poll, PAUSE_MS);

// Another sheet has other columns: they are shown at once.
document.addEventListener("change", (event) => {
  const field = event.target;
  if (field instanceof HTMLSelectElement && field.name === "sheet" && field.form?.id === "columns") field.form.requestSubmit();
});
