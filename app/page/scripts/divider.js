/** The line on the picture between what is kept and what is painted. The range in the panel is its keyboard twin. */

/**
 * @param {HTMLElement} divider
 * @param {HTMLElement} frame what it moves in
 * @param {() => string} keep the side that is kept
 * @param {(fraction: number) => void} onMove how much is kept, 0.1 to 0.9
 */
export function draggable(divider, frame, keep, onMove) {
  divider.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const box = frame.getBoundingClientRect();
    const shares = {
      left: (event.clientX - box.left) / box.width,
      right: (box.right - event.clientX) / box.width,
      top: (event.clientY - box.top) / box.height,
      bottom: (box.bottom - event.clientY) / box.height,
    };
    const share = shares[/** @type {keyof typeof shares} */ (keep())];
    onMove(Math.min(0.9, Math.max(0.1, share)));
  });
}
