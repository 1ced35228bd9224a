// A page that was open while the box got an update: it knows less than the box does now, so it is
// loaded anew, once, unless somebody has typed into it.

import { _ } from "./format.js";
import { notify } from "./notice.js";
import { listen } from "./stream.js";

const TRIED = "bargebox-version";
const own = JSON.parse(document.getElementById("snapshot")?.textContent ?? "{}").page;

function compare(name, { page }) {
  if (name !== "snapshot" || page === own) return;
  if (!globalThis.early.typed && sessionStorage.getItem(TRIED) !== page) {
    sessionStorage.setItem(TRIED, page);
    location.reload();
  } else {
    notify(_("The box has been updated. Load this page anew."), "bad");
  }
}

export function start() {
  listen(compare);
}
