// A list under a form of filters: fetched as they ask for it and put in the place of the old one,
// with its address kept, so that back and forward show what was chosen.

const LIMIT_MS = 5000;
const TYPING_MS = 150;

/** How to find again, in the next list, what has the focus in this one. */
function focused(list) {
  const element = document.activeElement;
  if (!list.contains(element)) return null;
  const row = element.closest("tr[data-id]");
  if (!row) return `#${element.id}`;
  // By the call and not by the button's id, which belongs to the row's place; a bell comes later.
  const within = row === element || element.matches(".bell") ? "" : ` ${element.tagName}${"monitor" in element.dataset ? "[data-monitor]" : ""}`;
  return `tr[data-id="${CSS.escape(row.dataset.id)}"]${within}`;
}

function replace(old, next) {
  const focus = focused(old);
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

/**
 * Let *form* filter the list of that id; its `data-list` says where lists come from. `hooks`:
 * `read()` before the form is read, `refuses()` whether a list that nobody asked for is let be,
 * `drawn()`, `failed(status)` with 0 for no answer, and `went()` after back or forward.
 */
export function follow(form, id, hooks) {
  const list = () => document.getElementById(id);
  let running = null; // the one request that counts; a newer one ends it
  let typing = 0;
  let asked = null; // what somebody did that is not shown yet: "chose", "typed" or "went"

  const filters = () => Object.fromEntries(new FormData(form));

  async function fetched(query, signal) {
    const answer = await fetch(`${form.dataset.list}?${new URLSearchParams(query)}`, { signal });
    if (answer.status === 401) location.assign("/sign-in");
    if (!answer.ok) return answer.status;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.getElementById(id) ?? 500;
  }

  /** Draw it; one that nobody asked for only if it is still welcome when it comes. */
  async function draw(why = asked) {
    asked = why;
    clearTimeout(typing);
    typing = 0;
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const timer = setTimeout(() => mine.abort(), LIMIT_MS);
    const wanted = filters();
    const next = await fetched(wanted, mine.signal).catch(() => 0);
    clearTimeout(timer);
    if (running !== mine) return; // a newer one answers for both
    running = null;
    if (typeof next === "number") hooks.failed(next);
    else if (asked || !hooks.refuses?.()) {
      replace(list(), next);
      remember(wanted);
      asked = null;
      hooks.drawn();
    } else hooks.failed(null);
  }

  /** Keep the address true; each choice is a step of the history, a word typed is one. */
  function remember(wanted) {
    const { address } = list().dataset;
    const same = address === location.pathname + location.search;
    if (same && history.state?.filters) return;
    const typed = asked === "typed";
    const step = asked === "chose" || (typed && !history.state?.typed);
    const how = step && !same ? "pushState" : "replaceState";
    history[how]({ filters: wanted, typed }, "", same ? location.href : address);
  }

  /** Back or forward: the filters as they were then. */
  addEventListener("popstate", ({ state }) => {
    if (!state?.filters) return; // within the page
    for (const [name, value] of Object.entries(state.filters)) {
      const input = form.elements[name];
      input.value = value;
      if (input.value !== value) input.add(new Option(value, value, false, true)); // no such one now
    }
    hooks.went?.();
    draw("went");
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  // Another filter begins at its first page; a word is asked for when the keys rest.
  form.addEventListener("input", ({ target }) => {
    form.elements.page.value = 1;
    hooks.read?.();
    clearTimeout(typing);
    typing = setTimeout(draw, TYPING_MS, target.type === "search" ? "typed" : "chose");
  });
  remember(filters());
  return {
    filters,
    draw,
    isIdle: () => !typing && !running,
    isAsked: () => asked !== null,
    ask(values) {
      for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
      if (!("page" in values)) form.elements.page.value = 1;
      draw("chose");
    },
  };
}
