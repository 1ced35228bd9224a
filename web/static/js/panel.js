// The drawing of the box: lamps follow the device events, buttons of a virtual board are pressed.

import { call } from "./api.js";
import { _, setText, words } from "./format.js";
import { box, listen } from "./stream.js";

const drawing = document.getElementById("box");
const KEYS = [" ", "Enter"];

function show() {
  const device = box.device;
  const known = Boolean(box.known && device?.connected);
  drawing.dataset.known = known ? "yes" : "no";
  const lamps = known ? device.lamps : { microphone: "off", status: "off" };
  for (const name of ["microphone", "status"]) {
    const lamp = document.getElementById(`lamp-${name}`);
    // Set only on a change: setting restarts the blinking.
    if (lamp.dataset.lamp !== lamps[name]) lamp.dataset.lamp = lamps[name];
    setText(document.getElementById(`words-${name}`), known ? words.lamps[lamps[name]] : _("unknown"));
  }
  const headset = device?.headset;
  const name = headset?.present ? headset.name || _("connected") : _("not connected");
  setText(document.getElementById("words-headset"), known ? name : _("unknown"));
  const stream = headset?.capturing ? _("running") : _("stopped");
  setText(document.getElementById("words-capture"), known ? stream : _("unknown"));
}

/** Presses of one button, sent in order, each release after its press. */
function makePressable(button) {
  let down = false;
  let queue = Promise.resolve();

  function move(to) {
    if (down === to) return;
    down = to;
    button.classList.toggle("down", to);
    const body = { button: button.dataset.button, down: to };
    queue = queue.then(() => call("POST", "/device/panel", body)).catch(failed);
  }

  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    move(true);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    button.addEventListener(name, () => move(false));
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  let byKey = false;
  button.addEventListener("keydown", (event) => {
    if (!KEYS.includes(event.key)) return;
    event.preventDefault();
    byKey = true;
    if (!event.repeat) move(true);
  });
  button.addEventListener("keyup", (event) => {
    if (!KEYS.includes(event.key)) return;
    event.preventDefault();
    byKey = false;
    move(false);
  });
  // A screen reader's own click comes without pointer and key.
  button.addEventListener("click", (event) => {
    if (event.detail !== 0 || byKey) return;
    move(true);
    setTimeout(move, 60, false);
  });
}

function failed(error) {
  setText(document.getElementById("panel-error"), error.message);
}

export function start() {
  listen((name) => ["snapshot", "device", "known"].includes(name) && show());
  if (drawing.dataset.virtual === "yes") {
    drawing.querySelectorAll("button").forEach(makePressable);
  }
}
