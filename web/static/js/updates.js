// Updates: chosen, installed beside what runs, and restarted into.

import { call } from "./api.js";
import { _, language, setText } from "./format.js";
import { attempt, collect, showFaults } from "./settings_form.js";
import { inCall, listen } from "./stream.js";

const LOOK_LIMIT_MS = 190000; // a large bundle is read as a whole
const AGAIN_MS = 2000;
const PAGE = "/settings/updates";

const get = (id) => document.getElementById(id);
const going = get("update-going");
const upload = get("update-upload");

const step = (name) => ({
  checking: _("Checking the update …"),
  writing: _("Writing it beside what runs …"),
  finishing: _("Finishing …"),
})[name];

const leave = (done) => location.assign(done ? `${PAGE}?done=${done}` : PAGE);

/** An installation, whoever began it; at its end the page as it is then. */
function show(update) {
  if (!update) return;
  const runs = update.operation === "installing";
  if (!runs) {
    if (!going.hidden) leave();
    return;
  }
  going.hidden = false;
  get("update-bar").value = update.percent;
  setText(get("update-version"), update.version && `: ${update.version}`);
  setText(get("update-step"), step(update.step));
}

/** The page of the box that comes back, under the address that it had. */
async function comeBack(form) {
  const say = form.querySelector("[role=status]");
  form.dataset.busy = "yes";
  setText(say, _("The box restarts. This page comes back by itself."));
  let away = false;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    const answer = await fetch("/healthz", { signal: AbortSignal.timeout(AGAIN_MS) }).catch(() => null);
    if (answer?.ok && away) return leave();
    away ||= !answer?.ok;
  }
}

const bodies = {
  "POST /updates/install": (form) => ({ older: Boolean(collect(form).older) }),
  "PUT /updates/bundle": (form) => collect(form),
  "PUT /updates/next": (form) => ({ slot: form.dataset.slot }),
};

async function send(form, { send: what, done }) {
  const [method, path] = what.split(" ");
  const words = path === "/updates/bundle" ? _("The box looks at the update …") : _("One moment …");
  const answer = await attempt(form, words, () => call(method, path, bodies[what]?.(form), LOOK_LIMIT_MS));
  if (!answer) return;
  if (path === "/updates/restart") comeBack(form);
  else leave(done);
}

/** The file's way to the box; fetch would not tell how far it is. */
function sent(file, bar) {
  return new Promise((resolve, reject) => {
    const way = new XMLHttpRequest();
    const refuse = (detail, fields = {}) => reject(Object.assign(new Error(detail), { fields }));
    way.open("POST", `/api/v1/updates/bundle?name=${encodeURIComponent(file.name.slice(-100))}`);
    way.setRequestHeader("X-Bargebox", language);
    way.setRequestHeader("Content-Type", "application/octet-stream");
    way.responseType = "json";
    way.upload.onprogress = ({ loaded, total }) => {
      bar.value = (100 * loaded) / total;
      if (loaded === total) setText(upload.querySelector("[role=status]"), _("The box looks at the update …"));
    };
    way.onload = () => {
      const { told, detail } = way.response ?? {};
      if (way.status === 200) resolve(way.response);
      else refuse(told?.detail ?? detail ?? _("The box answered with status {status}.", { status: way.status }));
    };
    way.onerror = () => refuse(_("The box did not take the whole file. Check the network and try again."));
    way.send(file);
  });
}

async function take(event) {
  event.preventDefault();
  const [file] = get("update-file").files;
  const fault = !file ? _("Choose a file first.")
    : file.size > Number(upload.dataset.largest) ? _("The file is larger than an update may be.") : "";
  if (fault) {
    setText(get("update-file-wrong"), "");
    showFaults(upload, { file: fault });
    return;
  }
  const bar = upload.querySelector("progress");
  bar.hidden = false;
  const taken = await attempt(upload, _("Uploading …"), async () => {
    await call("GET", "/updates"); // a refusal of so long a body would not be heard
    return sent(file, bar);
  });
  bar.hidden = true;
  if (taken) leave();
}

export function start() {
  if (!going) return;
  upload?.addEventListener("submit", take);
  for (const form of document.querySelectorAll("form[data-send]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form, form.dataset);
    });
    form.querySelector("button[data-send]")?.addEventListener("click", ({ target }) => send(form, target.dataset));
  }
  listen((name, data) => {
    if (name === "update") show(data);
    if (name === "snapshot") show(data.update);
    const busy = get("update-busy");
    if (busy) busy.hidden = !inCall();
  });
}
