// Headset and panel, tried by a person at the box: what they press here, and what the box saw.

import { call } from "./api.js";
import { _, setText } from "./format.js";
import { listen } from "./stream.js";
import { showLevel } from "./toolbar.js";

const get = (id) => document.getElementById(id);
const RUNS = {
  headset: _("The microphone is open. Speak, and look at the meter."),
  panel: _("The check runs."),
};
const ENDS = {
  asked: _("Ended."),
  time: _("The time is over. Begin again if you need longer."),
  call: _("Ended, for a call is being joined."),
  control: _("Ended, for the box lost the connection to its headset process."),
  button: _("Ended by a press of a button."),
  headset: _("Ended, for the headset was unplugged."),
};

let now = null;
let last = null; // what was checked, for the words of its end
let busy = false;

function show(view) {
  now = view;
  if (view.running) last = view.running;
  for (const button of document.querySelectorAll("[data-check]")) {
    const { check, end } = button.dataset;
    button.dataset.begin ??= button.textContent;
    const runs = view.running === check;
    setText(button, runs ? end : button.dataset.begin);
    const over = last === check && view.end ? ENDS[view.end] : "";
    setText(get(`${check}-said`), runs ? RUNS[check] : over);
  }
  if (get("check-voice")) showLevel(get("check-voice"), view.level);
  for (const line of document.querySelectorAll("[data-pressed]")) {
    if (view.pressed.includes(line.dataset.pressed)) setText(line.querySelector("strong"), _("✓ pressed"));
  }
  for (const button of document.querySelectorAll("[data-light]")) {
    button.disabled = view.running !== "panel";
    button.setAttribute("aria-pressed", String(view.lamp === button.dataset.light));
  }
}

async function act(element, method, path, body) {
  const problem = element.closest(".tried").querySelector(":scope > [role=alert]");
  if (busy) return false;
  busy = true;
  setText(problem, "");
  try {
    show(await call(method, path, body));
    return true;
  } catch (error) {
    setText(problem, error.message);
    return false;
  } finally {
    busy = false;
  }
}

async function press(button) {
  const { check, light } = button.dataset;
  if (check) {
    const runs = now?.running === check;
    await act(button, runs ? "DELETE" : "POST", "/device/check", runs ? undefined : { kind: check });
  } else if (light) {
    await act(button, "PUT", "/device/check/lamp", { lamp: now?.lamp === light ? null : light });
  } else {
    setText(get("tone-said"), "");
    if (await act(button, "POST", "/device/check/tone")) setText(get("tone-said"), _("The tone plays."));
  }
}

export function start() {
  for (const button of document.querySelectorAll("[data-check], [data-light], #check-tone")) {
    button.addEventListener("click", () => press(button));
  }
  listen((name, data) => name === "check" && show(data));
  call("GET", "/device/check").then(show).catch(() => {}); // what is pressed tells of it
}
