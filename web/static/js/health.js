// The box's health: looked at again, mended, and shown as it changes, but never under the pointer.

import { call } from "./api.js";
import { _, language, ngettext, setText } from "./format.js";

const EVERY_MS = 10000;
const PATIENCE_MS = 30000;

const list = document.getElementById("findings");
const error = document.getElementById("health-error");
const said = document.getElementById("health-said");
const bundleError = document.getElementById("bundle-error");
const bundleSaid = document.getElementById("bundle-said");

const shown = () => [...list.children].map((item) => item.dataset.code).join();
const AWAY = () => _("The box does not answer. Try again.");
const told = (health) => health.findings.map((finding) => finding.code).join();

async function show(health) {
  if (told(health) === shown()) return;
  for (const count of document.querySelectorAll(".count")) {
    count.firstChild.data = health.findings.length;
    count.hidden = health.findings.length === 0;
  }
  const answer = await fetch("/settings/health/list", { signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(AWAY());
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  list.replaceChildren(...page.body.children);
  document.getElementById("health-good").hidden = list.children.length > 0;
}

async function act(button, path, words) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  setText(error, "");
  setText(said, "");
  try {
    const health = await call("POST", path, undefined, PATIENCE_MS);
    await show(health);
    if (!button.isConnected) document.getElementById("health-look").focus();
    const count = health.findings.length;
    setText(said, `${words} ${count ? ngettext("One thing is wrong.", "{count} things are wrong.", count) : _("Nothing is wrong.")}`);
  } catch (refusal) {
    setText(error, refusal instanceof TypeError ? AWAY() : refusal.message);
  }
  button.ariaDisabled = null;
}

async function refresh() {
  if (document.hidden || list.matches(":hover, :focus-within")) return;
  await call("GET", "/health").then(show).catch(() => {}); // the chip says that the box is away
}

async function takeBundle({ target: button }) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  setText(bundleError, "");
  setText(bundleSaid, _("The box makes the file…"));
  try {
    const answer = await fetch("/api/v1/support-bundle", { method: "POST", headers: { "X-Bargebox": language }, signal: AbortSignal.timeout(4 * PATIENCE_MS) });
    if (!answer.ok) {
      const { told, detail } = await answer.json();
      throw new Error(told?.detail ?? detail);
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = answer.headers.get("Content-Disposition").split('"')[1];
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), PATIENCE_MS);
    setText(bundleSaid, _("Downloaded: {name}", { name: link.download }));
  } catch (fault) {
    setText(bundleSaid, "");
    setText(bundleError, fault instanceof TypeError ? AWAY() : fault.message);
  }
  button.ariaDisabled = null;
}

export function start() {
  document.getElementById("bundle-take").addEventListener("click", takeBundle);
  document.getElementById("health-look").addEventListener("click", (event) =>
    act(event.target, "/health/check", _("Looked.")));
  list.addEventListener("click", (event) => {
    const { fix } = event.target.dataset;
    if (fix) act(event.target, `/health/${fix}/fix`, _("Done."));
  });
  setInterval(refresh, EVERY_MS);
}
