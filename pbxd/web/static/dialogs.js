// Links, and buttons of forms, with `data-dialog` open their page's form in a dialog; its forms are sent without leaving
// the page.
import { ask, fieldsOf, parsed, say, twin } from "./fragments.js";
import { isTyped, keepDraft, takeDraft, tellOfDraft } from "./drafts.js";
import { settle } from "./regions.js";

const REFERRING = ["id", "for", "form", "list", "popovertarget", "aria-describedby", "aria-labelledby", "data-into"];
let filled = 0;
/** @type {Set<string>} addresses of dialogs that are being fetched */
const opening = new Set();
/** @type {WeakMap<HTMLDialogElement, HTMLDialogElement>} the form that a dialog asks about, such as «Delete?» */
const below = new WeakMap();
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

/** Open a page's form in a dialog, once, also on a double click. @param {string} url @param {HTMLElement} [opener] */
async function open(url, opener) {
  const shown = [...document.querySelectorAll("dialog:modal")].some((each) => each.getAttribute("data-url") === url);
  if (shown || opening.has(url)) return;
  opening.add(url);
  await fetchDialog(url, opener).finally(() => opening.delete(url));
}

/** @param {string} url @param {HTMLElement} [opener] */
async function fetchDialog(url, opener) {
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
  const under = opener?.closest("dialog");
  if (opener?.closest(".card")) dialog.dataset.stays = ""; // whatever the page below is used for goes on
  else if (under) below.set(dialog, under);
  start(dialog);
}

/** @param {HTMLDialogElement} dialog @param {string} html */
function fill(dialog, html) {
  dialog.replaceChildren(parsed(html));
  rename(dialog);
  const heading = dialog.querySelector("h1, h2");
  if (heading) {
    heading.id ||= `dialog-heading-${filled}`;
    dialog.setAttribute("aria-labelledby", heading.id);
  }
  dialog.setAttribute("role", dialog.querySelector("[data-alert]") ? "alertdialog" : "dialog");
}

/** Give a part ids of its own: the same form may be open below, or be the page. @param {ParentNode} part */
function rename(part) {
  filled += 1;
  const ids = new Set(Array.from(part.querySelectorAll("[id]"), (each) => each.id));
  for (const each of part.querySelectorAll(REFERRING.map((name) => `[${name}]`).join())) {
    for (const name of REFERRING) {
      const names = each.getAttribute(name)?.split(" ");
      if (names) each.setAttribute(name, names.map((id) => (ids.has(id) ? `${id}-${filled}` : id)).join(" "));
    }
  }
}

/** Put the focus where one begins: on what is wrong, else on the first field. @param {HTMLDialogElement} dialog */
function start(dialog) {
  const wanted = ["[aria-invalid=true]", "[autofocus]", "input:not([type=hidden]), select, textarea, button:not([hidden])"];
  const first = wanted.map((each) => dialog.querySelector(each)).find((each) => each);
  if (first instanceof HTMLElement) first.focus();
  settle();
}

/** @param {HTMLDialogElement} dialog @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function send(dialog, form, button) {
  if (form.dataset.busy !== undefined) return;
  dialog.dataset.sent = "1";
  form.dataset.busy = ""; // not disabled: that would take the focus from the button
  dialog.querySelector("[data-problem]")?.remove();
  const answer = await ask(form.action, { method: "POST", body: fieldsOf(form, button) }).catch(() => null);
  delete form.dataset.busy;
  if (answer?.status === 401) return signIn(() => send(dialog, form, button));
  const next = answer?.headers.get("X-Location");
  if (next) return done(dialog, next);
  const text = await answer?.text().catch(() => null);
  if (!answer || typeof text !== "string") return complain(dialog);
  const part = parsed(text);
  // A refusal without the form: what is typed stays, the reason stands beside it.
  if (!answer.ok && !part.querySelector("form")) return complain(dialog, part.querySelector("[role=alert]")?.textContent);
  fill(dialog, text);
  start(dialog);
}

/** The form was done: show the page again as it is now, or stay if a card asked for it: that shows it. @param {HTMLDialogElement} dialog @param {string} next */
function done(dialog, next) {
  const wanted = new CustomEvent("pbxd:done", { cancelable: true, detail: next });
  const leaves = document.dispatchEvent(wanted) && dialog.dataset.stays === undefined;
  if (leaves) window.location.assign(next);
  for (let each = /** @type {HTMLDialogElement | undefined} */ (dialog); each; each = below.get(each)) {
    drafts.delete(each.dataset.url ?? ""); // Escape may have closed it meanwhile
    each.close();
  }
  settle();
  if (!leaves && dialog.dataset.stays !== undefined) say(document.body.dataset.saved ?? "");
}

/** Say what is wrong where it is seen: beside the buttons. @param {HTMLDialogElement} dialog @param {string | null} [message] */
function complain(dialog, message) {
  const place = document.createElement("p");
  place.className = "alert";
  place.setAttribute("role", "alert");
  place.setAttribute("data-problem", "");
  const buttons = dialog.querySelector(".buttons.last");
  if (buttons) buttons.prepend(place);
  else dialog.append(place);
  place.textContent = message ?? document.body.dataset.offline ?? "";
  place.scrollIntoView({ block: "nearest" });
}

/** @type {Promise<boolean> | null} */
let signing = null;

/** Sign in above what is open, then go on; nothing typed is lost. One sign-in is for all that wait. @param {() => void} after */
export async function signIn(after) {
  signing ??= askWho().finally(() => (signing = null));
  if (await signing) after();
}

/** Whether the one who was here before has signed in again. @returns {Promise<boolean>} */
async function askWho() {
  const page = await pageAt("/sign-in");
  const form = page?.querySelector("form[action='/sign-in']");
  if (!page || !(form instanceof HTMLFormElement)) return isSame(page); // signed in meanwhile, in another tab
  const dialog = document.createElement("dialog");
  const heading = page.querySelector("h1");
  dialog.append(...(heading ? [heading] : []), form);
  rename(dialog);
  dialog.setAttribute("aria-label", heading?.textContent ?? "");
  document.body.append(dialog);
  dialog.showModal();
  settle();
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const next = await sendSignIn(dialog, form);
      if (!next) return;
      dialog.close();
      resolve(isSame(next));
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(false);
    });
  });
}

/** Send a sign-in; return the page that it leads to, or say what is wrong. @param {HTMLDialogElement} dialog @param {HTMLFormElement} form */
async function sendSignIn(dialog, form) {
  if (form.dataset.busy !== undefined) return null;
  form.dataset.busy = "";
  const page = await pageAt("/sign-in", { method: "POST", body: fieldsOf(form) });
  delete form.dataset.busy;
  if (page?.querySelector("[data-visitor]")) return page;
  dialog.querySelectorAll("[role=alert]").forEach((each) => each.remove());
  const alerts = page?.querySelectorAll("[role=alert]") ?? [];
  if (alerts.length) form.prepend(...alerts);
  else complain(dialog);
  return null;
}

/** Fetch a whole page; null without a connection. @param {string} url @param {RequestInit} [options] */
async function pageAt(url, options) {
  try {
    return parsed(await (await fetch(url, { ...options, credentials: "same-origin" })).text());
  } catch {
    return null;
  }
}

/** Whether a page is that of the one who was here before; somebody else begins anew. @param {DocumentFragment | null} page */
function isSame(page) {
  const user = page?.querySelector("[data-visitor]")?.getAttribute("data-visitor");
  if (user === document.body.dataset.user) document.dispatchEvent(new CustomEvent("pbxd:signed-in"));
  else if (user) window.location.assign("/");
  else say(document.body.dataset.offline ?? "");
  return user === document.body.dataset.user;
}

// A dialog that Escape closed over something typed is left with its page.
window.addEventListener("pagehide", () => {
  for (const [url, dialog] of drafts) keepDraft(url, dialog);
});
