// Everything on a signed-in page hangs on one event stream.

import * as alerts from "./alerts.js";
import { call } from "./api.js";
import * as attention from "./attention.js";
import * as chips from "./chips.js";
import { localTimes } from "./format.js";
import * as keys from "./keys.js";
import * as quality from "./quality.js";
import * as room from "./room.js";
import * as stream from "./stream.js";
import * as toolbar from "./toolbar.js";
import { whenUsable } from "./usable.js";
import * as version from "./version.js";

const EARLY_MS = 5000; // whoever waited longer for what was pressed has given it up

const menu = document.querySelector("details.menu");
document.addEventListener("click", (event) => {
  if (!menu.contains(event.target)) menu.open = false;
});
menu.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
document.getElementById("sign-out").addEventListener("click", async () => {
  await call("DELETE", "/session").catch(() => {});
  location.assign("/sign-in");
});

document.querySelector("[data-language]").addEventListener("click", ({ target }) => {
  document.cookie = `bargebox_language=${target.dataset.language}; path=/; max-age=31536000; samesite=strict`;
  location.reload();
});

/** Start the page, whose own parts are `own`. */
export function begin(own) {
  for (const part of [chips, ...own, toolbar, alerts, quality, room, attention, keys, version]) part.start();
  const { button, at, over } = globalThis.early;
  over.abort();
  stream.start();
  if (button?.isConnected && performance.now() - at < EARLY_MS) button.click();
  whenUsable(() => {
    // The first form of a moment costs a small computer 0.1 s: the browser looks at all languages.
    localTimes(document);
    delete document.documentElement.dataset.early;
  });
}
