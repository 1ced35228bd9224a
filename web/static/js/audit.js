// The audit log: checks all of it when asked to, and shows the page anew.

import { call } from "./api.js";
import { _ } from "./format.js";

const LONGEST_MS = 300000;

export function start() {
  const button = document.getElementById("audit-check");
  const told = document.getElementById("audit-told");
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    told.textContent = _("Checking every row…");
    try {
      await call("POST", "/audit/check", undefined, LONGEST_MS);
      location.reload();
    } catch (refusal) {
      told.textContent = refusal.message;
      button.removeAttribute("aria-disabled");
    }
  });
}
