// The call platform: its form is tested, saved and put to use; the steps of a test in words.

import { call } from "./api.js";
import { _, ngettext, setText } from "./format.js";
import { nextLife } from "./next_life.js";
import { again, clearFaults, collect, makeRows, showFaults } from "./settings_form.js";
import { showSteps } from "./steps.js";
import { inCall, listen } from "./stream.js";

const TEST_LIMIT_MS = 40000;

const form = document.getElementById("platform-form");
const get = (id) => document.getElementById(id);

let changed = false; // something was typed that is not saved
let busy = false;

const driver = () => form.elements.driver.value;
const chosen = () => form.querySelector(`[data-section="${driver()}"]`);
const typed = () => ({ driver: driver(), ...collect(chosen()) });

function refused(error) {
  const faults = Object.entries(error.fields);
  const unknown = showFaults(form, error.fields);
  const words = faults.length
    ? ngettext("One field is not right; see there. Nothing was saved.", "{count} fields are not right; see there. Nothing was saved.", faults.length)
    : error.message;
  setText(get("platform-wrong"), [words, ...unknown].join(" "));
  setText(get("platform-result"), "");
}

/** Do one thing at a time; the buttons are not disabled, so that the focus stays where it is. */
async function attempt(words, work) {
  if (busy) return;
  busy = true;
  const buttons = form.querySelectorAll(".actions .button");
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  clearFaults(form);
  get("platform-saved")?.classList.add("past");
  get("platform-steps").replaceChildren();
  setText(get("platform-result"), words);
  try {
    await work();
  } catch (error) {
    if (!error.fields) throw error; // not the box's word but a fault of this page
    refused(error);
  } finally {
    busy = false;
    for (const button of buttons) button.removeAttribute("aria-disabled");
  }
}

async function test() {
  const answer = await call("POST", "/platform/check", typed(), TEST_LIMIT_MS);
  showSteps(get("platform-steps"), answer.steps);
  const ready = changed ? _("The call platform can be used. Nothing is saved yet.") : _("The call platform can be used.");
  setText(get("platform-result"), answer.passed ? ready : _("The call platform cannot be used yet."));
}

/** Wait for the box's next life and show the page as it is then. */
async function restart(method, body) {
  await call(method, "/platform/settings", body);
  changed = false;
  setText(get("platform-result"), _("Saved. The box restarts its connection …"));
  const words = await nextLife(() => again({ saved: true }), "/platform/settings");
  if (words) setText(get("platform-result"), words);
}

/** Show the chosen platform's section; what was found of another one is no word about it. */
function show() {
  get("platform-steps").replaceChildren();
  setText(get("platform-result"), "");
  for (const section of form.querySelectorAll("[data-section]")) section.hidden = section !== chosen();
}

function makeReset() {
  const sure = get("platform-sure");
  get("platform-reset")?.addEventListener("click", () => {
    sure.returnValue = "no";
    sure.showModal();
  });
  sure.addEventListener("close", () => {
    if (sure.returnValue === "yes") attempt(_("Going back …"), () => restart("DELETE"));
  });
}

export function start() {
  makeRows(form);
  makeReset();
  form.addEventListener("input", () => (changed = true));
  form.addEventListener("change", (event) => event.target.name === "driver" && show());
  get("platform-test").addEventListener("click", () => attempt(_("Testing the connection …"), test));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(_("Saving …"), () => restart("PUT", typed()));
  });
  addEventListener("beforeunload", (event) => changed && event.preventDefault());
  listen(() => {
    get("platform-busy").hidden = !inCall();
  });
  show(); // a browser that goes back keeps what was chosen
}
