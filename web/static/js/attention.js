// For who looks elsewhere: the title follows the microphone and tells of an end, and the desktop
// is told too, where somebody asked for that here.

import { _, language, setText, words } from "./format.js";
import { notify } from "./notice.js";
import { box, inCall, listen } from "./stream.js";

const WANTED = "bargebox-notifications";
const button = document.getElementById("notifications");
const title = document.title;

let session = null; // as it was last known to be
let sign = ""; // what happened while nobody looked

const wanted = () => localStorage.getItem(WANTED) && globalThis.Notification?.permission === "granted";

function tell(head, body = "") {
  if (!wanted() || document.hasFocus()) return;
  try {
    new Notification(head, { body, tag: "bargebox", lang: language }).onclick = () => focus();
  } catch {
    // A browser that lets only service workers do that: the title tells.
  }
}

function show() {
  const running = inCall();
  let shown = sign;
  if (running && (!box.known || box.monitoring.muted === null)) shown = `? ${_("State unknown")}`;
  else if (running && !box.monitoring.muted) shown = `● ${_("Live")}`;
  document.title = shown ? `${shown} – ${title}` : title;
}

function heard(name) {
  if (!["snapshot", "monitoring", "known"].includes(name)) return;
  const now = box.monitoring;
  if (box.known && now) {
    const live = now.muted === false;
    if (live && session?.muted !== false) tell(_("Live"), _("You can be heard."));
    const end = now.state === "idle" && session?.session_id && now.last_end;
    if (end && end.session_id === session.session_id) {
      const text = words.ends?.[end.reason] ?? end.detail;
      if (!document.hasFocus()) sign = `■ ${_("Ended")}`;
      if (end.reason !== "hung_up") tell(_("Monitoring has ended"), text);
    }
    if (now.session_id && now.session_id !== session?.session_id) sign = "";
    session = now;
  }
  show();
}

function showChoice() {
  setText(button, wanted() ? _("Switch notifications off") : _("Notify me on this desktop"));
}

async function choose() {
  if (wanted()) localStorage.removeItem(WANTED);
  else if ((await globalThis.Notification?.requestPermission()) === "granted") localStorage.setItem(WANTED, "yes");
  else notify(_("This browser does not let the page notify you. Allow it in the browser’s settings for this page; it needs HTTPS."), "bad");
  showChoice();
}

export function start() {
  if (!button) return;
  showChoice();
  button.addEventListener("click", choose);
  addEventListener("focus", () => {
    sign = "";
    show();
  });
  document.addEventListener("attention", ({ detail }) => {
    if (!document.hasFocus()) sign = `◆ ${_("Watched call")}`;
    tell(_("Watched call"), detail);
    show();
  });
  listen(heard);
}
