/** What a job was given, as a picture to compare its result with: transparent where the service paints. */
import { TASKS } from "./tasks.js";

const LONGEST_PX = 1024;

/**
 * @param {import("./editor.js").Editor} editor
 * @returns {Promise<Blob | null>} null for tasks that keep nothing of a picture
 */
export async function givenPicture(editor) {
  const { picture, panel, painter } = editor;
  if (!picture || TASKS[panel.task].file !== "image") return null;
  const { left, right, top, bottom } = panel.task === "outpaint" ? editor.margins() : { left: 0, right: 0, top: 0, bottom: 0 };
  const [width, height] = [left + picture.width + right, top + picture.height + bottom];
  const scale = Math.min(1, LONGEST_PX / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(scale, scale);
  context.drawImage(picture.source, left, top, picture.width, picture.height);
  if (panel.task === "complete") context.clearRect(...paintedBox(panel, picture.width, picture.height));
  if (panel.task === "inpaint") {
    const hole = new OffscreenCanvas(canvas.width, canvas.height);
    painter.strokes.draw(/** @type {any} */ (hole.getContext("2d")), scale, "#000");
    context.globalCompositeOperation = "destination-out";
    context.drawImage(hole, 0, 0, width, height);
  }
  return canvas.convertToBlob({ type: "image/webp", quality: 0.9 });
}

/**
 * The part that `complete` paints, in px, rounded as the service does.
 * @param {import("./panel.js").Panel} panel @param {number} width @param {number} height
 * @returns {[number, number, number, number]} left, top, width, height
 */
function paintedBox(panel, width, height) {
  const fraction = Number(panel.value("fraction"));
  const [across, along] = [Math.round(width * fraction), Math.round(height * fraction)];
  switch (panel.value("keep")) {
    case "left": return [across, 0, width - across, height];
    case "right": return [0, 0, width - across, height];
    case "top": return [0, along, width, height - along];
    default: return [0, 0, width, height - along];
  }
}
