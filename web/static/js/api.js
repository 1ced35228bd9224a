// Calls of the JSON API. A refusal is thrown with the box's own words, in the page's language.

import { _, language } from "./format.js";

const TIMEOUT_MS = 15000;

export class Refusal extends Error {
  constructor(status, code, detail, fields = {}, lines = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.fields = fields; // what is wrong with single values, by their names
    this.lines = lines; // of a document, where each is
  }
}

/** One request under /api/v1; the decoded answer, or null for an empty one. */
export async function call(method, path, body, timeout = TIMEOUT_MS) {
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method,
      headers: { "Content-Type": "application/json", "X-Bargebox": language },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeout),
    });
  } catch {
    throw new Refusal(0, "unreachable", _("The box does not answer. Check the network and try again."));
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({}));
  const { told } = problem; // in the page's language
  const refusal = new Refusal(
    answer.status,
    problem.code ?? "failed",
    told?.detail ?? problem.detail ?? _("The box answered with status {status}.", { status: answer.status }),
    told?.fields ?? problem.fields,
    problem.lines,
  );
  if (answer.status === 401 && path !== "/session") location.assign("/sign-in");
  if (refusal.code === "must_change_password") location.assign("/change-password");
  throw refusal;
}
