// Forms with `data-live` (filters, searches) show their results while one types; small forms with `data-quiet` are sent
// without leaving the page. Both put the answer into the element that `data-into` names, else around the form.
import { ask, askAgain, complaint, fieldsOf, put, say } from "./fragments.js";
import { signIn } from "./dialogs.js";

const PAUSE_MS = 40; // people type slower than that: it gathers what comes at once, a paste or a held key
/** @type {Map<Element, AbortController>} */
const running = new Map();
/** @type {WeakMap<Element, symbol>} the automatic request whose answer may be put into an element: the last one */
const refreshes = new WeakMap();
/** @type {number | undefined} */
let timer;

document.addEventListener("input", (event) => {
  const form = liveForm(event.target);
  if (!form) return;
  clearTimeout(timer);
  timer = window.setTimeout(() => show(form), event.target instanceof HTMLInputElement ? PAUSE_MS : 0);
});

// A link to a file of what is shown has the address of what is shown now.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[data-filtered]");
  if (link instanceof HTMLAnchorElement) link.href = `${link.dataset.filtered}${window.location.search}`;
}, true);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
  if (form.dataset.live !== undefined) {
    event.preventDefault();
    clearTimeout(timer);
    show(form);
  } else if (form.dataset.quiet !== undefined && !form.closest("dialog")) {
    event.preventDefault();
    send(form, event.submitter);
  }
});

/** @param {EventTarget | null} field */
function liveForm(field) {
  const form = field && "form" in field ? field.form : null;
  return form instanceof HTMLFormElement && form.dataset.live !== undefined ? form : null;
}

/** @param {HTMLFormElement} form */
function place(form) {
  return form.dataset.into ? document.getElementById(form.dataset.into) : form.parentElement;
}

/** Show the results of a live form, and keep the address right. @param {HTMLFormElement} form */
async function show(form) {
  const fields = fieldsOf(form);
  for (const [name, value] of [...fields]) if (!value) fields.delete(name);
  const url = `${new URL(form.action).pathname}?${fields}`;
  const target = place(form);
  if (!target) return;
  running.get(target)?.abort();
  refreshes.delete(target);
  const control = new AbortController();
  running.set(target, control);
  try {
    const answer = await ask(url, { signal: control.signal });
    if (answer.status === 401) return window.location.assign(url);
    if (running.get(target) !== control) return;
    if (!answer.ok) return say(await complaint(answer));
    put(target, await answer.text());
    if (!form.closest("dialog")) history.replaceState(history.state, "", url);
    target.dispatchEvent(new CustomEvent("pbxd:shown", { bubbles: true }));
  } catch (error) {
    if (!control.signal.aborted) say(document.body.dataset.offline ?? "");
  }
}

/** @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function send(form, button) {
  const answer = await ask(form.action, { method: "POST", body: fieldsOf(form, button) }).catch(() => null);
  if (answer?.status === 401) return signIn(() => send(form, button));
  const target = place(form);
  if (!answer?.ok) return say(await complaint(answer));
  if (!target || answer.status === 204) return;
  refreshes.delete(target);
  put(target, await answer.text());
}

/**
 * Fetch a part of this page again (automatic, not by the user). The answer is dropped if it comes late: a newer request
 * for the same element was sent, or a search changed the page's address.
 * @param {string} id the element's, which names its address in `data-url` if not the page's
 */
export async function refresh(id) {
  const target = document.getElementById(id);
  if (!target) return;
  const page = window.location.href;
  const request = Symbol(id);
  refreshes.set(target, request);
  const answer = await askAgain(target.dataset.url ?? page).catch(() => null);
  const html = answer?.ok ? await answer.text().catch(() => null) : null;
  if (html !== null && refreshes.get(target) === request && page === window.location.href) put(target, html);
}
