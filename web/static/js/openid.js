// The sign-in at an identity provider: its settings are tested and saved.

import { call } from "./api.js";
import { _, setText } from "./format.js";
import { attempt, collect, makeRows } from "./settings_form.js";
import { showSteps } from "./steps.js";

const TEST_LIMIT_MS = 30000;

const get = (id) => document.getElementById(id);
const form = get("openid-form");

let changed = false; // something was typed that is not saved

async function test() {
  const found = await attempt(form, _("Testing the connection …"), () => call("POST", "/openid/check", collect(form), TEST_LIMIT_MS));
  if (!found) return;
  showSteps(get("openid-steps"), found.steps);
  const ready = changed ? _("The provider can be used. Nothing is saved yet.") : _("The provider can be used.");
  setText(get("openid-result"), found.passed ? ready : _("The provider cannot be used yet."));
}

async function save() {
  if (!(await attempt(form, _("Saving …"), () => call("PUT", "/openid/settings", collect(form))))) return;
  changed = false;
  location.assign("?saved=true");
}

export function start() {
  makeRows(form);
  form.addEventListener("input", () => {
    changed = true;
    get("openid-saved")?.classList.add("past");
  });
  get("openid-test").addEventListener("click", () => {
    get("openid-steps").replaceChildren();
    test();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    get("openid-steps").replaceChildren();
    save();
  });
  addEventListener("beforeunload", (event) => changed && event.preventDefault());
}
