// What can wait until presses work.

const FRAME_MS = 50; // the first frame and whatever was pressed in it

/** Call `task` once the page is drawn and can be used; where nobody looks at it, when somebody does. */
export function whenUsable(task) {
  requestAnimationFrame(() => setTimeout(task, FRAME_MS));
}
