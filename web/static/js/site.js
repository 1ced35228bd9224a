// The site's settings: saved, and used by the box's next life.

import { call } from "./api.js";
import { _ } from "./format.js";
import { nextLife } from "./next_life.js";
import { attempt, collect, showWhen } from "./settings_form.js";

export function start() {
  const form = document.getElementById("site-form");
  const said = form.querySelector(":scope > [role=status]");
  showWhen(form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = collect(form);
    if (!wanted.site.ask_reason) wanted.site.reasons = [];
    const done = await attempt(form, _("Saving …"), () => call("PUT", "/settings", wanted));
    if (!done) return;
    said.textContent = _("Saved. The box restarts …");
    said.textContent = await nextLife(() => location.assign("/settings/site?saved=true"));
  });
}
