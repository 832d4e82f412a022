// Links, and buttons of forms, with `data-dialog` open their page's form in a dialog; its forms are sent without leaving
// the page.
import { ask, fieldsOf, parsed, say, twin } from "./fragments.js";
import { isTyped, keepDraft, takeDraft, tellOfDraft } from "./drafts.js";

let opened = 0;
/** @type {Map<string, HTMLDialogElement>} dialogs that Escape closed over something typed, by address */
const drafts = new Map();

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.defaultPrevented) return;
  const link = event.target.closest("a[data-dialog]");
  const plain = event instanceof MouseEvent && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (link instanceof HTMLAnchorElement && plain) {
    event.preventDefault();
    open(link.href, link);
  }
  const closing = event.target.closest("dialog [data-close]");
  if (closing) {
    event.preventDefault();
    closing.closest("dialog")?.close();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented || form.method === "dialog") return;
  if (form.dataset.dialog !== undefined) {
    event.preventDefault();
    const fields = form.method === "get" ? fieldsOf(form).toString() : "";
    open(fields ? `${form.action}?${fields}` : form.action, event.submitter ?? undefined);
    return;
  }
  const dialog = form.closest("dialog");
  if (!dialog || form.closest(".cards") || form.dataset.live !== undefined) return; // cards over a dialog are not its own
  event.preventDefault();
  send(dialog, form, event.submitter);
});

/** Open a page's form in a dialog. @param {string} url @param {HTMLElement} [opener] */
export async function open(url, opener) {
  const draft = drafts.get(url);
  if (draft) {
    drafts.delete(url);
    return present(draft, opener);
  }
  const typed = await takeDraft(url);
  const answer = typed === null ? await ask(url).catch(() => null) : null;
  if (typed === null && !answer?.ok) {
    window.location.assign(url);
    return;
  }
  const dialog = document.createElement("dialog");
  fill(dialog, typed ?? (await answer?.text()) ?? "");
  if (typed !== null) {
    dialog.dataset.sent = "1";
    tellOfDraft(dialog);
  }
  dialog.dataset.url = url;
  dialog.addEventListener("cancel", () => {
    if (isTyped(dialog)) drafts.set(url, dialog);
  });
  present(dialog, opener);
}

/** Show a dialog, until it is closed. @param {HTMLDialogElement} dialog @param {HTMLElement} [opener] */
function present(dialog, opener) {
  const closed = () => {
    if (dialog.open) return; // told late: it was opened again meanwhile
    dialog.removeEventListener("close", closed);
    dialog.remove();
    if (!opener) return;
    const again = opener.isConnected ? opener : twin(document, opener); // its row may have come anew meanwhile
    (again ?? document.getElementById("main"))?.focus();
  };
  dialog.addEventListener("close", closed);
  document.body.append(dialog);
  dialog.showModal();
  if (opener?.closest(".card")) dialog.dataset.stays = ""; // whatever the page below is used for goes on
  start(dialog);
}

/** @param {HTMLDialogElement} dialog @param {string} html */
function fill(dialog, html) {
  dialog.replaceChildren(parsed(html));
  const heading = dialog.querySelector("h1, h2");
  if (heading) {
    heading.id ||= `dialog-heading-${(opened += 1)}`;
    dialog.setAttribute("aria-labelledby", heading.id);
  }
  dialog.setAttribute("role", dialog.querySelector("[data-alert]") ? "alertdialog" : "dialog");
}

/** Put the focus where one begins: on what is wrong, else on the first field. @param {HTMLDialogElement} dialog */
function start(dialog) {
  const wanted = ["[aria-invalid=true]", "[autofocus]", "input:not([type=hidden]), select, textarea, button:not([hidden])"];
  const first = wanted.map((each) => dialog.querySelector(each)).find((each) => each);
  if (first instanceof HTMLElement) first.focus();
  dialog.dispatchEvent(new CustomEvent("pbxd:filled", { bubbles: true }));
}

/** @param {HTMLDialogElement} dialog @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function send(dialog, form, button) {
  dialog.dataset.sent = "1";
  const body = fieldsOf(form, button); // before: a disabled button has no value
  if (button instanceof HTMLButtonElement) button.disabled = true;
  const answer = await ask(form.action, { method: "POST", body }).catch(() => null);
  if (button instanceof HTMLButtonElement) button.disabled = false;
  if (answer?.status === 401) return signIn(() => send(dialog, form, button));
  const next = answer?.headers.get("X-Location");
  if (next) return done(dialog, next);
  if (!answer) return complain(dialog);
  const text = await answer.text();
  const part = parsed(text);
  // A refusal without the form: what is typed stays, the reason stands beside it.
  if (!answer.ok && !part.querySelector("form")) return complain(dialog, part.querySelector("[role=alert]")?.textContent);
  fill(dialog, text);
  start(dialog);
}

/** The form was done: show the page again as it is now, or stay if a card asked for it: that shows it. @param {HTMLDialogElement} dialog @param {string} next */
function done(dialog, next) {
  const wanted = new CustomEvent("pbxd:done", { bubbles: true, cancelable: true, detail: next });
  const leaves = dialog.dispatchEvent(wanted) && dialog.dataset.stays === undefined;
  if (leaves) window.location.assign(next);
  dialog.close();
  if (!leaves && dialog.dataset.stays !== undefined) say(document.body.dataset.saved ?? "");
}

/** @param {HTMLDialogElement} dialog @param {string | null} [message] */
function complain(dialog, message) {
  const place = dialog.querySelector("[data-problem]") ?? dialog.insertBefore(document.createElement("p"), null);
  place.className = "alert";
  place.setAttribute("role", "alert");
  place.setAttribute("data-problem", "");
  place.textContent = message ?? document.body.dataset.offline ?? "";
}

/** Sign in above what is open, then go on; nothing typed is lost. @param {() => void} after */
export async function signIn(after) {
  const answer = await fetch("/sign-in", { credentials: "same-origin" });
  const page = parsed(await answer.text());
  const form = page.querySelector("form[action='/sign-in']");
  if (!(form instanceof HTMLFormElement)) return sameUser("/me", after); // signed in meanwhile, in another tab
  const dialog = document.createElement("dialog");
  const heading = page.querySelector("h1");
  dialog.append(...(heading ? [heading] : []), form);
  dialog.setAttribute("aria-label", heading?.textContent ?? "");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const sent = await fetch("/sign-in", { method: "POST", body: fieldsOf(form), credentials: "same-origin" });
    if (sent.redirected) {
      dialog.close();
      return sameUser(sent.url, after);
    }
    const again = parsed(await sent.text());
    form.querySelectorAll("[role=alert]").forEach((each) => each.remove());
    form.prepend(...again.querySelectorAll("[role=alert]"));
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Go on only as the one who was here before. @param {string} url @param {() => void} after */
async function sameUser(url, after) {
  const page = parsed(await (await fetch(url, { credentials: "same-origin" })).text());
  const user = page.querySelector("[data-visitor]")?.getAttribute("data-visitor");
  if (user === document.body.dataset.user) {
    document.dispatchEvent(new CustomEvent("pbxd:signed-in"));
    after();
  }
  else window.location.assign("/");
}

// A dialog that Escape closed over something typed is left with its page.
window.addEventListener("pagehide", () => {
  for (const [url, dialog] of drafts) keepDraft(url, dialog);
});
