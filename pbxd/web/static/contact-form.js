// The form of a contact: who else has the number or the e-mail, and companies of that name, while one types.
import { ask, parsed } from "./fragments.js";

const PAUSE_MS = 200;
const SHORTEST = { number: 5, email: 5, company: 2 };
/** @type {WeakMap<HTMLInputElement, {timer: number, control?: AbortController}>} */
const waiting = new WeakMap();

document.addEventListener("input", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLInputElement) || !field.form?.dataset.contact) return;
  if (field.dataset.double) soon(field, double);
  if (field.dataset.suggest && event instanceof InputEvent && event.inputType) soon(field, suggest);
});

/**
 * Do something once nobody types any more; an answer to what was typed before is dropped.
 * @param {HTMLInputElement} field @param {(field: HTMLInputElement, signal: AbortSignal) => Promise<void>} work
 */
function soon(field, work) {
  const before = waiting.get(field);
  clearTimeout(before?.timer);
  before?.control?.abort();
  const control = new AbortController();
  const timer = window.setTimeout(() => work(field, control.signal).catch(() => undefined), PAUSE_MS);
  waiting.set(field, { timer, control });
}

/** @param {HTMLInputElement} field @param {AbortSignal} signal */
async function double(field, signal) {
  const place = field.form?.querySelector(`[data-warning="${field.name}"]`);
  const kind = field.dataset.double === "email" ? "email" : "number";
  if (!place) return;
  if (field.value.trim().length < SHORTEST[kind]) return place.replaceChildren();
  const query = new URLSearchParams({ [kind]: field.value, except: field.form?.dataset.contact ?? "0" });
  const answer = await ask(`/clients/duplicates?${query}`, { signal });
  if (answer.ok) place.replaceChildren(parsed(await answer.text()));
}

/** @param {HTMLInputElement} field @param {AbortSignal} signal */
async function suggest(field, signal) {
  if (!field.list || field.value.trim().length < SHORTEST.company) return;
  const answer = await ask(`${field.dataset.suggest}?${new URLSearchParams({ search: field.value })}`, { signal });
  if (answer.ok) field.list.replaceChildren(parsed(await answer.text()));
}
