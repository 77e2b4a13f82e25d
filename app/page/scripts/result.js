/** The finished pictures of a job: fetched with the key, compared with what was given, downloaded. */
import { compare } from "./compare.js";
import { make, style } from "./dom.js";
import { ask } from "./service.js";

const EXTENSIONS = { "image/png": "png", "image/webp": "webp", "image/jpeg": "jpg" };
const THUMB_PX = 240;

/** @typedef {{blob: Blob, url: string, filename: string}} Finished */

/**
 * All pictures of a job that succeeded. Throws the Problem of one that is not kept any more.
 * @param {any} job as the service tells it
 * @param {AbortSignal} signal
 * @returns {Promise<Finished[]>}
 */
export function fetchResults(job, signal) {
  return Promise.all(job.results.map(async (/** @type {any} */ result) => {
    const blob = await (await ask(`v1/jobs/${job.id}/result/${result.index}?direct=true`, { signal })).blob();
    const extension = EXTENSIONS[/** @type {"image/png"} */ (result.content_type)] ?? "bin";
    return { blob, url: URL.createObjectURL(blob), filename: `inlay-${job.id.slice(0, 12)}-${result.index}.${extension}` };
  }));
}

/**
 * The picture in its frame, beside what was given if there is that.
 * @param {Finished} finished
 * @param {string | null} given address
 * @param {{width_px: number, height_px: number}} size
 */
export function frameOf(finished, given, size) {
  const ratio = size.width_px / size.height_px;
  if (given) return compare(given, finished.url, ratio);
  const frame = make("div", { class: "frame" }, make("img", { src: finished.url, alt: "What was painted" }));
  style(frame, { ratio });
  return frame;
}

/**
 * A row of small pictures to choose from; null for a single one.
 * @param {Finished[]} all
 * @param {(index: number) => void} onChoose
 */
export function variants(all, onChoose) {
  if (all.length < 2) return null;
  const buttons = all.map((one, index) =>
    make("button", { type: "button", "aria-pressed": index === 0, onclick: () => choose(index) }, make("img", { src: one.url, alt: `Picture ${index + 1} of ${all.length}` })));
  const choose = (/** @type {number} */ chosen) => {
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === chosen)));
    onChoose(chosen);
  };
  buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === 0)));
  return make("div", { class: "variants", role: "group", "aria-label": "Pictures" }, ...buttons);
}

/** @param {Blob} blob @returns {Promise<Blob | null>} small enough for a list */
export async function thumbnail(blob) {
  try {
    const picture = await createImageBitmap(blob);
    const scale = Math.min(1, THUMB_PX / Math.min(picture.width, picture.height));
    const canvas = new OffscreenCanvas(Math.round(picture.width * scale), Math.round(picture.height * scale));
    canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/webp", quality: 0.85 });
  } catch {
    return null;
  }
}
