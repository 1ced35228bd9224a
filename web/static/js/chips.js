// The two chips in the top bar: the box and its platform, and the headset; and the banner that
// says why the platform is away.

import { _, setText } from "./format.js";
import { box, listen } from "./stream.js";

function chip(id, tone, text) {
  const element = document.getElementById(id);
  if (!element) return;
  element.dataset.tone = tone;
  element.title = text;
  setText(element.querySelector(".chip-words"), text);
}

function show() {
  if (!box.known) {
    chip("chip-box", "bad", _("State unknown"));
    chip("chip-headset", "wait", _("Headset unknown"));
    return;
  }
  const { device, platform } = box;
  if (!device.connected) chip("chip-box", "bad", _("Sound process away"));
  else if (!platform.connected) chip("chip-box", "bad", _("Platform not reachable"));
  else chip("chip-box", "good", _("Connected to {name}", platform));
  const headset = device.headset;
  if (!device.connected) chip("chip-headset", "wait", _("Headset unknown"));
  else if (headset.present) chip("chip-headset", "good", headset.name || _("Headset"));
  else chip("chip-headset", "bad", _("No headset"));
}

function showLost() {
  const banner = document.getElementById("platform-lost");
  if (!banner || !box.platform) return;
  banner.hidden = box.platform.connected;
  if (box.platform.detail) setText(banner, box.platform.detail);
}

export function start() {
  listen((name) => name === "snapshot" && showLost());
  listen((name) => ["snapshot", "device", "known"].includes(name) && show());
}
