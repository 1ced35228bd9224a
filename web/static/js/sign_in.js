// Sign-in and change of password.

import { _ } from "./format.js";
import { call } from "./api.js";

const form = document.querySelector("form");
const problem = form.querySelector(".form-error");

/** The page that was asked for before somebody signed in; one of the box's own, or the first. */
function wanted() {
  const path = new URLSearchParams(location.search).get("to") ?? "";
  return /^(\/[\w-]+)+$/.test(path) ? path : "/";
}

async function submit(event) {
  event.preventDefault();
  const value = (name) => form.elements[name].value;
  const button = form.querySelector("button.primary");
  problem.textContent = "";
  button.disabled = true;
  try {
    if (form.id === "sign-in") {
      const answer = await call("POST", "/session", { user: value("user"), password: value("password") });
      location.assign(answer.must_change_password ? "/change-password" : wanted());
    } else if (value("new") !== value("again")) {
      throw new Error(_("The two new passwords are not the same."));
    } else {
      await call("PUT", "/session/password", { old: value("old"), new: value("new") });
      location.assign("/");
    }
  } catch (error) {
    problem.textContent = error.message;
    button.disabled = false;
    form.querySelector("input[type=password]").select();
  }
}

form.addEventListener("submit", submit);
document.getElementById("sign-out")?.addEventListener("click", async () => {
  await call("DELETE", "/session").catch(() => {});
  location.assign("/sign-in");
});
