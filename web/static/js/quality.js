// How the call sounds: a word, a figure, and the last minute as a line in the toolbar.

import { _, decimal, fill, setText, words } from "./format.js";
import { box, listen } from "./stream.js";

const SECONDS = 60;
const LEAST = 1;
const MOST = 4.5;
const WIDTH = 120;
const HEIGHT = 24;
const WORDS = { good: _("Good"), fair: _("Fair"), poor: _("Poor") };

const part = document.getElementById("tool-quality");
const get = (id) => document.getElementById(id);

let recent = []; // MOS of the last minute, oldest first; null where unknown
let last = null; // the last second's event
let session = null;

const place = (index) => ((index + SECONDS - recent.length + 1) * WIDTH) / SECONDS;
const height = (mos) => HEIGHT - ((mos - LEAST) * HEIGHT) / (MOST - LEAST);

/** A line through what is known, broken where nothing is. */
function path() {
  let drawn = "";
  let open = false;
  recent.forEach((mos, index) => {
    if (mos !== null) {
      const point = `${place(index).toFixed(1)} ${height(mos).toFixed(1)}`;
      drawn += open ? `L${point}` : `M${point}h0`;
    }
    open = mos !== null;
  });
  return drawn;
}

/** All of it in words, for those who do not see the line or want to know more. */
function describe() {
  const known = recent.filter((mos) => mos !== null);
  if (!last || !known.length) return _("Sound of the call: not known yet");
  const worst = _("worst of the last minute {worst}", { worst: decimal(Math.min(...known)) });
  if (last.mos === null) return _("Sound of the call: nothing is sent now; {worst}", { worst });
  const now = { word: WORDS[last.rating].toLowerCase(), mos: decimal(last.mos), most: decimal(MOST) };
  const said = [_("Sound of the call: {word}, {mos} of {most}", now), worst];
  // Of a second whose only packets were late ones nobody can tell.
  if (last.lost_percent !== null) said.push(fill(words.sound.lost_percent, { value: decimal(last.lost_percent) }));
  if (last.mouth_to_ear_ms !== null) said.push(_("delay {ms} ms", { ms: Math.round(last.mouth_to_ear_ms) }));
  return said.join("; ");
}

function show() {
  const now = last?.mos ?? null;
  part.dataset.rating = now === null ? "unknown" : last.rating;
  setText(get("quality-word"), now === null ? "–" : WORDS[last.rating]);
  setText(get("quality-mos"), now === null ? "" : decimal(now));
  get("quality-line").setAttribute("d", path());
  part.title = describe();
  part.setAttribute("aria-label", part.title);
}

function begin(id) {
  session = id;
  recent = [];
  last = null;
}

function heard(name, data) {
  const { monitoring } = box;
  if (monitoring?.session_id !== session) begin(monitoring?.session_id);
  if (name === "snapshot") {
    recent = data.recent_mos;
    last = data.quality;
  } else if (name === "quality") {
    recent = [...recent, data.mos].slice(-SECONDS);
    last = data;
  } else if (!["monitoring", "known"].includes(name)) return;
  // What was measured before the box or its leg fell silent is no longer how it sounds.
  if (!box.known || monitoring?.muted === null) last = null;
  show();
}

export function start() {
  if (part) listen(heard);
}
