// Room below the page for what floats over its end: every row can be scrolled clear of it.

const floating = [...document.querySelectorAll(".dock, .ear")];
let covered = 0;

function measure() {
  for (const element of floating) {
    if (!element.offsetHeight || getComputedStyle(element).position !== "fixed") continue;
    // It only grows: giving room back would move the list under the pointer.
    covered = Math.max(covered, innerHeight - element.getBoundingClientRect().top);
  }
  // Not by a variable: all of a long page inherits one, and would be styled anew.
  const room = `${Math.ceil(covered)}px`;
  document.documentElement.style.scrollPaddingBottom = `min(${room}, 60vh)`;
  document.body.style.paddingBottom = room;
}

export function start() {
  const observer = new ResizeObserver(measure);
  for (const element of floating) observer.observe(element);
}
