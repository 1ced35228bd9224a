// The list drawn anew: fetched as the filters ask for it, and put in the place of the old one.

const LIMIT_MS = 5000;

let running = null; // the one request that counts; a newer one ends it

export const fetching = () => running !== null;
export const list = () => document.getElementById("list");

/** How to find again, in the next list, what has the focus in this one. */
function focused() {
  const element = document.activeElement;
  if (!list().contains(element)) return null;
  const row = element.closest("tr[data-id]");
  if (!row) return `#${element.id}`;
  // By the call and not by the button's id, which belongs to the row's place.
  return `tr[data-id="${CSS.escape(row.dataset.id)}"]${row === element ? "" : " [data-monitor]"}`;
}

function replace(next) {
  const old = list();
  const focus = focused();
  const aside = old.querySelector("thead")?.scrollLeft;
  old.replaceWith(next);
  if (aside) next.querySelector("thead")?.scrollTo(aside, 0);
  if (!focus) return;
  const again = next.matches(focus) ? next : next.querySelector(focus);
  if (again?.tagName === "TR") again.tabIndex = -1;
  again?.focus({ preventScroll: true });
  // What had the focus is gone or disabled: the keyboard goes on from the list.
  if (document.activeElement === document.body) next.focus({ preventScroll: true });
}

async function fetchList(query, signal) {
  const answer = await fetch(`/interactions/list?${query}`, { signal });
  if (answer.status === 401) location.assign("/sign-in");
  if (!answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.getElementById("list");
}

/**
 * Fetch the list and put it in place, unless `refuses()` then. The answer: "drawn", "refused",
 * "failed", or "overtaken" by a newer request, which then answers for both.
 */
export async function redraw(query, refuses) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const timer = setTimeout(() => mine.abort(), LIMIT_MS);
  let next = null;
  try {
    next = await fetchList(query, mine.signal);
  } catch {
    // The network, the time limit, or the newer request: told by what is answered below.
  }
  clearTimeout(timer);
  if (running !== mine) return "overtaken";
  running = null;
  if (!next) return "failed";
  if (refuses()) return "refused";
  replace(next);
  return "drawn";
}
