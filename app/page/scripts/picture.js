/** The picture to work on, and the ways in which it comes: chosen, dropped, pasted. */
import { byId } from "./dom.js";

/** Rows looked at together: a large picture need not lie in memory a second time. */
const STRIP_PX = 256;

/**
 * @typedef {object} Picture
 * @property {Blob} blob the file as it is
 * @property {string} name
 * @property {boolean} own whether the user has it as a file of this name
 * @property {string} url to show it; ends with `release`
 * @property {number} width px, after EXIF orientation, as the service counts
 * @property {number} height px
 * @property {CanvasImageSource} source
 */

/**
 * Throws an Error with a sentence for the user if the browser cannot show the file.
 * @param {Blob} blob
 * @param {string} name
 * @param {boolean} own
 * @returns {Promise<Picture>}
 */
export async function readPicture(blob, name, own) {
  const url = URL.createObjectURL(blob);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(url);
    throw new Error(`${name} cannot be shown. Send a PNG, JPEG, WebP or GIF.`);
  }
  return { blob, name, own, url, width: image.naturalWidth, height: image.naturalHeight, source: image };
}

/** @param {Picture} picture @returns {boolean} whether a part of it is transparent, which is a mask without strokes */
export function hasHoles({ blob, source, width, height }) {
  if (blob.type === "image/jpeg") return false;
  const canvas = new OffscreenCanvas(width, Math.min(height, STRIP_PX));
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  for (let top = 0; top < height; top += STRIP_PX) {
    const rows = Math.min(STRIP_PX, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(source, 0, -top);
    const { data } = context.getImageData(0, 0, width, rows);
    for (let at = 3; at < data.length; at += 4) if (data[at] < 255) return true;
  }
  return false;
}

/** @param {Picture} picture not shown any more */
export const release = (picture) => URL.revokeObjectURL(picture.url);

/**
 * Listens for pictures on the whole page.
 * @param {(blob: Blob, name: string, own: boolean) => void} onFile
 */
export function listen(onFile) {
  const file = byId("file");
  for (const id of ["choose", "replace"]) byId(id).addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files[0]) onFile(file.files[0], file.files[0].name, true);
    file.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => {
    const pasted = fileIn(event.clipboardData);
    if (!pasted) return;
    event.preventDefault();
    onFile(pasted, "pasted.png", false);
  });
  listenForDrops(onFile);
}

/** @param {(blob: Blob, name: string, own: boolean) => void} onFile */
function listenForDrops(onFile) {
  const stage = byId("stage");
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // else the browser would open the file instead of the page
    stage.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) stage.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("over");
    const dropped = fileIn(event.dataTransfer);
    if (dropped) onFile(dropped, dropped.name, true);
  });
}

/** @param {DataTransfer | null} transfer */
function fileIn(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
}
