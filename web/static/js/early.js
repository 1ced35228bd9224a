// Loaded before all else, and no module. Until the page's own scripts have come it keeps the last
// press on a button of the page itself, for main.js to do then; none of the toolbar or of the box's
// drawing, for an old press must not un-mute. And it lets no form go that is the scripts': its
// values would be in the address.

(() => {
  const LONGEST_MS = 3000; // then they are shown as they came
  const over = new AbortController();
  const until = { signal: over.signal };
  const early = (globalThis.early = { button: null, at: 0, typed: false, over });
  const page = document.documentElement;
  page.dataset.early = ""; // moments are not in the reader's zone yet
  setTimeout(() => delete page.dataset.early, LONGEST_MS);
  addEventListener("input", () => (early.typed = true), { once: true });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("main button:not([data-button])");
    early.button = button?.closest("form[action]") ? null : button;
    early.at = performance.now();
  }, until);
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[action], [method]")) event.preventDefault();
  }, until);
})();
