/**
 * A mask as the strokes that made it, in the picture's own pixels: undone and redone by leaving strokes out,
 * drawn at any size, and sent as a PNG of exactly the picture's size (white is painted anew, black is kept).
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{size: number, erase: boolean, points: Point[]} | "clear"} Stroke `size` is a diameter in px
 */
export class Strokes {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** @type {Stroke[]} */
    this.done = [];
    /** @type {Stroke[]} */
    this.undone = [];
  }

  /** @param {Stroke} stroke */
  add(stroke) {
    this.done.push(stroke);
    this.undone = [];
  }

  undo() {
    const last = this.done.pop();
    if (last) this.undone.push(last);
  }

  redo() {
    const last = this.undone.pop();
    if (last) this.done.push(last);
  }

  clear() {
    if (!this.empty) this.add("clear");
  }

  /** What there is to draw. @returns {Exclude<Stroke, "clear">[]} */
  get visible() {
    return /** @type {any} */ (this.done.slice(this.done.lastIndexOf("clear") + 1));
  }

  /** Whether nothing was painted, or nothing since it was cleared. */
  get empty() {
    return this.visible.every((stroke) => stroke.erase);
  }

  /**
   * Draws all strokes in one colour; the eraser makes transparent again.
   * @param {CanvasRenderingContext2D} context
   * @param {number} scale canvas px for each px of the picture
   * @param {string} color
   */
  draw(context, scale, color) {
    for (const stroke of this.visible) drawStroke(context, stroke, scale, color);
  }

  /** @returns {Promise<Blob>} the mask file */
  async png() {
    const white = new OffscreenCanvas(this.width, this.height);
    this.draw(/** @type {any} */ (white.getContext("2d")), 1, "#fff");
    const mask = new OffscreenCanvas(this.width, this.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (mask.getContext("2d", { alpha: false }));
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.width, this.height);
    context.drawImage(white, 0, 0);
    return mask.convertToBlob({ type: "image/png" });
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Exclude<Stroke, "clear">} stroke
 * @param {number} scale
 * @param {string} color
 * @param {number} [from] index of the first point that is new
 */
export function drawStroke(context, stroke, scale, color, from = 0) {
  context.save();
  context.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
  context.fillStyle = context.strokeStyle = color;
  context.lineWidth = stroke.size * scale;
  context.lineCap = context.lineJoin = "round";
  const points = stroke.points.slice(Math.max(0, from - 1));
  context.beginPath();
  if (points.length === 1) {
    context.arc(points[0].x * scale, points[0].y * scale, (stroke.size * scale) / 2, 0, 2 * Math.PI);
    context.fill();
  } else {
    for (const { x, y } of points) context.lineTo(x * scale, y * scale);
    context.stroke();
  }
  context.restore();
}
