/**
 * What a job is shown with, as long as nothing is known of it: the frame, the words and the buttons.
 *
 * @typedef {object} Listeners of a job that is shown
 * @property {() => void} onChange its state was heard
 * @property {(job: any, source: import("./desk.js").Source | null) => Promise<void>} onOpen what it was made of is known
 * @property {() => void} onLeave what comes before a job is wanted back
 * @property {() => string} wayBack what leads there is called
 */
import { make, style } from "./dom.js";

/**
 * @param {string | null} given address of what the job was given
 * @param {() => void} onCancel
 */
export function jobParts(given, onCancel) {
  const preview = make("img", { class: "preview", alt: "What is expected so far", hidden: true });
  const frame = make("div", { class: "frame" }, preview);
  if (given) {
    const picture = make("img", { class: "given waiting", src: given, alt: "" });
    picture.addEventListener("load", () => style(frame, { ratio: picture.naturalWidth / picture.naturalHeight }));
    frame.prepend(picture);
  }
  const bar = make("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const title = make("h3", { tabindex: -1 }, "Looking …");
  const detail = make("p", {}, "\u00a0");
  const buttons = make("div", { class: "row" }, make("button", { type: "button", class: "button", id: "cancel", onclick: onCancel }, "Cancel"));
  const news = make("div", { class: "news" }, make("div", { class: "news-words" }, make("div", { role: "status" }, title), detail), buttons);
  return { preview, frame, bar, title, detail, buttons, news };
}
