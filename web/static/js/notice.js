// One notice above the toolbar: why the last session ended, or why something was refused.

import { setText } from "./format.js";

const notice = document.getElementById("notice");
const text = document.getElementById("notice-words");

/** Show words until they are dismissed or replaced. */
export function notify(message, tone = "plain") {
  if (!notice) return;
  notice.dataset.tone = tone;
  notice.hidden = false;
  setText(text, message);
}

export function clearNotice() {
  if (!notice) return;
  notice.hidden = true;
  setText(text, "");
}

document.getElementById("notice-dismiss")?.addEventListener("click", clearNotice);
