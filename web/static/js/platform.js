// Test connection: the steps that the box walks to the call platform, in words.

import { call } from "./api.js";
import { setText } from "./format.js";

const button = document.getElementById("platform-test");
const result = document.getElementById("platform-result");
const list = document.getElementById("platform-steps");

const NAMES = {
  address: "Address",
  tls: "Encryption",
  sign_in: "Sign-in",
  permissions: "Permissions",
  list: "List of calls",
  media: "Sound",
};

function line(step) {
  const item = document.createElement("li");
  item.dataset.passed = step.passed ? "yes" : "no";
  const head = document.createElement("strong");
  head.textContent = `${step.passed ? "✓" : "✗"} ${NAMES[step.step] ?? step.step}: ${step.passed ? "passed" : "failed"}`;
  const words = document.createElement("span");
  words.textContent = step.detail;
  item.append(head, words);
  return item;
}

async function test() {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // not disabled: the focus stays
  list.replaceChildren();
  setText(result, "Testing the connection …");
  try {
    const answer = await call("POST", "/platform/check");
    list.replaceChildren(...answer.steps.map(line));
    setText(result, answer.passed ? "The call platform can be used." : "The call platform cannot be used yet.");
  } catch (error) {
    setText(result, error.message);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

export function start() {
  button?.addEventListener("click", test);
}
