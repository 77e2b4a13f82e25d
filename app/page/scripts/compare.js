/** Two pictures in one frame and a line between them: a native range moves it, by mouse, finger and keyboard. */
import { make, style } from "./dom.js";

/**
 * @param {string} before address of what was given
 * @param {string} after address of what was painted
 * @param {number} ratio width by height
 */
export function compare(before, after, ratio) {
  const range = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "Before and after" });
  const frame = make("div", { class: "frame compare" },
    make("img", { class: "before", src: before, alt: "What was given" }),
    make("img", { class: "after", src: after, alt: "What was painted" }),
    make("div", { class: "line" }),
    make("span", { class: "tag left" }, "Given"),
    make("span", { class: "tag right" }, "Painted"),
    range);
  const move = () => {
    style(frame, { at: `${range.value}%` });
    range.setAttribute("aria-valuetext", `${range.value} % given, ${100 - range.value} % painted`);
  };
  range.addEventListener("input", move);
  style(frame, { ratio });
  move();
  return frame;
}
