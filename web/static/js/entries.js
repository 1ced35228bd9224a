// Lists of entries with forms and buttons that each make one call of the API. Then the page is
// shown anew, with the same entries open and the focus where it was.

import { call } from "./api.js";
import { _, setText } from "./format.js";
import { clearFaults, collect, showFaults } from "./settings_form.js";

const KEPT = "bargebox-entries";
const get = (id) => document.getElementById(id);
const problemOf = (element) => element.closest("form")?.querySelector("[role=alert]") ?? get("said");

let busy = false;

/** Ask before what cannot be undone. */
function sure(button) {
  if (!button.dataset.sure) return Promise.resolve(true);
  const dialog = get("sure");
  setText(get("sure-words"), button.dataset.sure);
  setText(get("sure-yes"), button.firstChild.textContent);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

/** A secret that the box tells only now. */
function tellOnce(head, secret) {
  const dialog = get("once");
  setText(get("once-head"), head);
  get("once-secret").value = secret;
  dialog.showModal();
  get("once-secret").select();
  return new Promise((done) => dialog.addEventListener("close", done, { once: true }));
}

async function make(element, body) {
  if (busy || !(await sure(element))) return;
  busy = true;
  const form = element.closest("form");
  const problem = problemOf(element);
  if (form) clearFaults(form);
  setText(problem, "");
  const [method, path] = element.dataset.call.split(/ (.*)/);
  try {
    const answer = await call(method, path, body);
    const secret = answer?.password ?? answer?.secret;
    if (secret) await tellOnce(element.dataset.once, secret);
    const open = [...document.querySelectorAll("details.entry[open]")].map((entry) => entry.id);
    const kept = { page: location.pathname, said: element.dataset.said, open, focus: element.dataset.call };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    location.reload();
  } catch (error) {
    if (!error.fields) throw error; // not the box's word but a fault of this page
    const unknown = form ? showFaults(form, error.fields) : [];
    const told = Object.keys(error.fields).length > unknown.length;
    setText(problem, [told ? _("See there what is not right. Nothing was saved.") : error.message, ...(told ? unknown : [])].join(" "));
    busy = false;
  }
}

/** As it was before the page was shown anew. */
function restore() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  sessionStorage.removeItem(KEPT);
  if (kept.page !== location.pathname) return;
  for (const id of kept.open) get(id)?.toggleAttribute("open", !id.startsWith("new-"));
  const same = document.querySelector(`button[data-call="${CSS.escape(kept.focus)}"], form[data-call="${CSS.escape(kept.focus)}"] .primary`);
  const visible = same?.checkVisibility() ? same : null;
  (visible ?? get("said")).focus({ preventScroll: Boolean(visible) });
  setTimeout(() => setText(get("said"), kept.said), 100); // a live region is heard when it changes
}

export function start() {
  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.call) return;
    event.preventDefault();
    make(event.target, collect(event.target));
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-call]");
    if (button) make(button);
  });
  restore();
}
