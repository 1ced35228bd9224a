// The certificate: its request, its upload, going back; and the authorities that the box believes.

import { call } from "./api.js";
import { _, setText } from "./format.js";
import { again, clearFaults, showFaults } from "./settings_form.js";

const LIMIT_MS = 40000; // a long key takes a small box its time

const page = document.getElementById("certificate");
const sure = document.getElementById("certificate-sure");
const get = (id) => document.getElementById(id);

let busy = false;

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** Chosen files: PEM as one text, or the bytes of a single file of another kind. */
async function read(input) {
  const all = await Promise.all([...input.files].map(async (file) => new Uint8Array(await file.arrayBuffer())));
  const texts = all.map((bytes) => new TextDecoder("latin1").decode(bytes));
  if (all.length === 1 && !texts[0].includes("-----BEGIN")) return { binary: base64(all[0]) };
  const pem = (text, n) => text.includes("-----BEGIN") ? text : wrapped(base64(all[n]));
  return { certificate: texts.map(pem).join("\n") };
}

const wrapped = (coded) => `-----BEGIN CERTIFICATE-----\n${coded.replace(/(.{64})/g, "$1\n")}\n-----END CERTIFICATE-----`;

const bodies = {
  "certificate-request": async () => ["POST", "/certificate/request", {
    names: get("names").value.split(/[\s,]+/).filter(Boolean),
    key: get("key-kind").value,
  }, "requested"],
  "certificate-upload": async () => ["PUT", "/certificate", {
    ...(await read(get("upload-certificate"))),
    ...(get("upload-key").files.length ? { key: (await read(get("upload-key"))).certificate ?? "no PEM" } : {}),
    password: get("upload-password").value,
  }, "uploaded"],
  "authority-add": async () => {
    const { certificate, binary } = await read(get("authority-file"));
    return ["POST", "/certificate/authorities", { certificate: certificate ?? wrapped(binary) }, "trusted"];
  },
};

/** One change at a time; then the page as it is with it. */
async function attempt(within, alert, made) {
  if (busy) return;
  busy = true;
  clearFaults(within);
  setText(within.querySelector(".going"), _("One moment …"));
  try {
    const [method, path, body, done] = await made();
    await call(method, path, body, LIMIT_MS);
    again({ done });
  } catch (error) {
    if (!error.fields) throw error; // not the box's word but a fault of this page
    const unknown = showFaults(within, error.fields);
    setText(alert, Object.keys(error.fields).length ? unknown.join(" ") : error.message);
    setText(within.querySelector(".going"), "");
  } finally {
    busy = false;
  }
}

function makeButtons() {
  let asked = null;
  page.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-path]");
    if (!button) return;
    asked = button;
    setText(get("sure-head"), `${button.getAttribute("aria-label") ?? button.textContent}?`);
    setText(sure.querySelector("p"), button.dataset.sure);
    sure.returnValue = "no";
    sure.showModal();
  });
  sure.addEventListener("close", () => {
    if (sure.returnValue !== "yes") return;
    const { path, done } = asked.dataset;
    attempt(page, get("certificate-wrong"), async () => ["DELETE", path, undefined, done]);
  });
}

export function start() {
  makeButtons();
  for (const form of page.querySelectorAll("form")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(form, form.querySelector(":scope > .form-error"), bodies[form.id]);
    });
  }
}
