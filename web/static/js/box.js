// The box's name and clock.

import { call } from "./api.js";
import { _, locale } from "./format.js";
import { attempt, collect, showWhen } from "./settings_form.js";
import { whenUsable } from "./usable.js";

/** The box's clock as it goes on, in the box's own time zone; *ahead* of ours by so many ms. */
function runClock(clock, ahead) {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium", timeZone: clock.dataset.zone || "UTC" });
  const show = () => (clock.textContent = format.format(Date.now() + ahead));
  setInterval(show, 1000);
  show();
}

export function start() {
  const clock = document.getElementById("clock");
  if (clock) {
    const ahead = Date.parse(clock.dataset.now) - Date.now();
    whenUsable(() => runClock(clock, ahead));
  }
  for (const form of document.querySelectorAll("form[data-put]")) {
    showWhen(form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const done = await attempt(form, _("Saving …"), () => call("PUT", form.dataset.put, collect(form)));
      if (!done) return;
      form.removeAttribute("data-typed"); // the first start asks whether all is in use
      form.querySelector(":scope > [role=status]").textContent = _("Saved.");
    });
  }
}
