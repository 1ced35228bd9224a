// The monitoring toolbar. It follows what the box says, never what was asked for.

import { call } from "./api.js";
import { _, agentNames, elapsed, setText, words } from "./format.js";
import { ask } from "./join.js";
import { clearNotice, notify } from "./notice.js";
import { box, inCall, listen, now } from "./stream.js";

const FLOOR_DBFS = -60;
const VOLUME_EVERY_MS = 150;
const WATCHED = "bargebox-watched-session"; // its end is told until it is dismissed, on every page

const bar = document.getElementById("toolbar");
const get = (id) => document.getElementById(id);
const microphone = get("tool-microphone");
const audienceField = get("tool-audience");
const volume = get("tool-volume");
const allowed = bar?.dataset.audiences.split(" ").filter(Boolean) ?? [];
const me = document.body.dataset.user;

let pending = 0;
let noted = "";

function chosenAudience() {
  if (!audienceField) return allowed[0] ?? "everyone";
  return audienceField.querySelector("input:checked").value;
}

/** The state in words, and its tone. */
function describe(session) {
  if (!box.known || session.muted === null) {
    return [_("State unknown – you may be heard"), "unknown"];
  }
  if (session.state === "joining") return [_("Joining…"), "quiet"];
  if (session.state === "reconnecting") return [_("Reconnecting – you are muted"), "quiet"];
  if (!session.muted) {
    const text = session.audience === "agent" ? _("Live – only the agent hears you") : _("Live – agent and customer hear you");
    return [text, "live"];
  }
  return [_("Listening – you are muted"), "quiet"];
}

/** Why the microphone button can do nothing, or "". */
function microphoneReason(session, unknown) {
  if (unknown || !session.muted) return ""; // muting is always allowed
  if (session.owner !== me) return _("Only {owner} can speak in this session.", session);
  if (!allowed.length) return _("You may listen, not speak.");
  if (session.state !== "listening") return _("You can speak once you hear the call.");
  return "";
}

function show() {
  const session = box.monitoring;
  bar.hidden = !inCall();
  if (!inCall()) return;
  const [text, tone] = describe(session);
  const unknown = tone === "unknown";
  bar.dataset.tone = tone;
  setText(get("tool-state"), text);
  const call = session.interaction;
  const parties = call ? `${agentNames(call)} – ${call.customer}` : "";
  setText(get("tool-call"), parties);
  get("tool-call").title = parties;
  setText(get("tool-queue"), call ? [call.queue, call.flow].filter(Boolean).join(" · ") : "");
  const owner = get("tool-owner");
  owner.hidden = session.owner === me;
  const over = bar.dataset.mayListen === "yes" ? ` ${_("You can mute or leave it, and then monitor yourself.")}` : "";
  setText(owner, owner.hidden ? "" : _("{owner} is monitoring this call.", session) + over);
  microphone.setAttribute("aria-pressed", unknown ? "mixed" : String(!session.muted));
  microphone.toggleAttribute("aria-busy", false);
  if (pending) microphone.setAttribute("aria-busy", "true");
  const reason = microphoneReason(session, unknown);
  microphone.disabled = Boolean(reason) || bar.dataset.mayListen !== "yes";
  get("tool-next").hidden = bar.dataset.mayListen !== "yes" || session.owner !== me;
  get("tool-leave").disabled = bar.dataset.mayListen !== "yes";
  why(reason, "plain");
  if (audienceField) {
    audienceField.disabled = session.owner !== me;
    if (session.audience && !pending) {
      audienceField.querySelector(`[value="${session.audience}"]`).checked = true;
    }
  }
  showTime();
}

function why(text, tone) {
  const line = get("tool-why");
  if (!text && line.dataset.tone === "bad" && !line.hidden) return; // a refusal stays until the next try
  line.dataset.tone = tone;
  line.hidden = !text;
  setText(line, text);
}

function showTime() {
  if (!inCall()) return;
  const { started_at: started, live_until: until } = box.monitoring;
  if (started) setText(get("tool-timer"), elapsed(now() - Date.parse(started)));
  get("tool-limit").hidden = !until || !box.known;
  if (until) setText(get("tool-limit"), _("Muted in {time}, by the time limit here.", { time: elapsed(Date.parse(until) - now() + 999) }));
}

/** What the box did that its owner should know, such as to mute at the limit. */
function showNote() {
  const { note = "", owner } = box.monitoring ?? {};
  if (note === noted || owner !== me) return;
  if (note) notify(note);
  else clearNotice();
  noted = note;
}

/** A meter shows so many dBFS. */
export function showLevel(meter, dbfs) {
  const level = Math.min(0, Math.max(FLOOR_DBFS, dbfs));
  meter.firstElementChild.style.transform = `scaleX(${1 - level / FLOOR_DBFS})`;
  meter.setAttribute("aria-valuenow", String(Math.round(level)));
  meter.setAttribute("aria-valuetext", level <= FLOOR_DBFS ? _("silent") : _("{level} decibels", { level: Math.round(level) }));
}

function silence() {
  showLevel(get("meter-call"), FLOOR_DBFS);
  showLevel(get("meter-microphone"), FLOOR_DBFS);
}

function showEnd() {
  const session = box.monitoring;
  if (inCall()) {
    if (session.session_id !== sessionStorage.getItem(WATCHED)) clearNotice();
    sessionStorage.setItem(WATCHED, session.session_id);
    return;
  }
  const end = session?.last_end;
  if (end && end.session_id === sessionStorage.getItem(WATCHED)) {
    notify(words.ends?.[end.reason] ?? end.detail, end.reason === "hung_up" ? "plain" : "bad");
  }
}

async function attempt(work) {
  pending += 1;
  get("tool-why").hidden = true;
  microphone.setAttribute("aria-busy", "true");
  try {
    await work(); // its answer may come after a later event: what is shown comes from events alone
  } catch (error) {
    if (inCall()) why(error.message, "bad");
    else notify(error.message, "bad");
  } finally {
    pending -= 1;
    if (inCall()) show();
  }
}

/** Leave, and join the next call of the list silently. */
export async function nextCall() {
  const given = await ask(_("The next call of your list"));
  if (given) attempt(() => call("POST", "/monitoring/next", given));
}

/** In the call that is shown: whoever is in another one by now is not heard there. */
const setMicrophone = (wish) => call("PUT", "/monitoring/microphone", { ...wish, audience: chosenAudience(), session_id: box.monitoring.session_id });

function toggle() {
  const session = box.monitoring;
  // What is not known to be muted is muted first: that is always safe.
  const muted = !box.known || session.muted === null || !session.muted;
  attempt(() => setMicrophone({ muted }));
}

function audienceChosen() {
  const session = box.monitoring;
  if (session.owner !== me) return;
  // While muted, or not known, it only chooses who will hear the next press; and it never un-mutes.
  const muted = !box.known || session.muted !== false;
  attempt(() => setMicrophone({ muted, only_live: !muted }));
}

let volumeTimer = 0;
function volumeMoved() {
  if (volumeTimer) return;
  volumeTimer = setTimeout(async () => {
    volumeTimer = 0;
    try {
      await call("PUT", "/device/volume", { percent: Number(volume.value) });
    } catch (error) {
      why(error.message, "bad");
    }
  }, VOLUME_EVERY_MS);
}

function showVolume() {
  if (box.device && !volumeTimer && !volume.matches(":active")) volume.value = box.device.volume;
}

function heard(name, data) {
  if (["snapshot", "monitoring", "known"].includes(name)) {
    show();
    showNote();
    showEnd();
    if (!box.known || !inCall()) silence();
  }
  if (name === "snapshot" || name === "device") showVolume();
  if (name === "levels" && inCall()) {
    showLevel(get("meter-call"), data.downlink);
    showLevel(get("meter-microphone"), data.uplink);
  }
}

export function start() {
  if (!bar) return;
  microphone.addEventListener("click", toggle);
  get("tool-leave").addEventListener("click", () => attempt(() => call("DELETE", "/monitoring")));
  get("tool-next").addEventListener("click", nextCall);
  audienceField?.addEventListener("change", audienceChosen);
  volume.addEventListener("input", volumeMoved);
  get("notice-dismiss").addEventListener("click", () => {
    if (!inCall()) sessionStorage.removeItem(WATCHED);
  });
  listen(heard);
  setInterval(showTime, 500);
}
