// Forms of pages are sent once it is sure that the session lasts. If it has ended, the sign-in comes over the form, which
// stays as it is, with the file that was chosen too. Forms that other scripts send are theirs.
import { ask, say } from "./fragments.js";
import { signIn } from "./dialogs.js";

const TWICE_MS = 1000; // a second click so soon is a double click: its answer would replace the first one's
/** @type {WeakSet<HTMLFormElement>} */
const busy = new WeakSet();
/** @type {HTMLFormElement | null} the form that is on its way to the server */
let sure = null;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented || form === sure) return;
  if (!form.querySelector("input[name=_user]")) return;
  event.preventDefault();
  delete form.dataset.left; // not yet: see drafts.js
  if (!busy.has(form)) check(form, event.submitter);
});

/** @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function check(form, button) {
  busy.add(form);
  const answer = await ask("/me", { method: "HEAD" }).catch(() => null);
  busy.delete(form);
  if (!answer) return say(document.body.dataset.offline ?? "");
  if (answer.status === 401) return signIn(() => send(form, button));
  send(form, button);
}

/** @param {HTMLFormElement} form @param {HTMLElement | null} button */
function send(form, button) {
  busy.add(form);
  window.setTimeout(() => busy.delete(form), TWICE_MS);
  sure = form;
  form.requestSubmit(button);
  sure = null;
}
