/** Paints the mask with a mouse, a pen, a finger or the keyboard. */
import { byId, style } from "./dom.js";
import { drawStroke, Strokes } from "./strokes.js";

/** @typedef {import("./strokes.js").Point} Point */

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Painter {
  /** @param {() => void} onChange the mask has changed */
  constructor(onChange) {
    this.onChange = onChange;
    this.canvas = byId("mask");
    this.ring = byId("ring");
    this.size = byId("size");
    this.strokes = new Strokes(1, 1);
    this.erasing = false;
    /** The stroke being painted. @type {{size: number, erase: boolean, points: Point[]} | null} */
    this.current = null;
    /** Where the brush is, in the picture's px. @type {Point} */
    this.at = { x: 0, y: 0 };
    this.listen();
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
  }

  /**
   * @param {number} width @param {number} height of the picture to mask
   * @param {import("./strokes.js").Stroke[]} [strokes] the mask; empty if left out
   */
  begin(width, height, strokes = []) {
    this.strokes = new Strokes(width, height);
    this.strokes.done = [...strokes];
    this.at = { x: width / 2, y: height / 2 };
    this.changed();
  }

  /** Diameter of the brush in the picture's px. */
  get diameter() {
    return (Number(this.size.value) / 100) * Math.max(this.strokes.width, this.strokes.height);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0 || !event.isPrimary) return; // a second finger paints nothing
      canvas.setPointerCapture(event.pointerId);
      this.moveTo(this.pointOf(event));
      this.down();
    });
    canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (!event.isPrimary) return;
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length ? all : [event]) this.moveTo(this.pointOf(one));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (/** @type {PointerEvent} */ event) => event.isPrimary && this.lift());
    }
    canvas.addEventListener("pointerleave", () => (this.ring.hidden = document.activeElement !== canvas));
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.moveTo(this.at));
    canvas.addEventListener("blur", () => (this.lift(), (this.ring.hidden = true)));
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.onKey(event));
    byId("brush").addEventListener("click", () => this.take(false));
    byId("eraser").addEventListener("click", () => this.take(true));
    for (const name of /** @type {const} */ (["undo", "redo", "clear"])) byId(name).addEventListener("click", () => this.revise(name));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const key = event.key.toLowerCase();
    const arrow = ARROWS[/** @type {keyof typeof ARROWS} */ (event.key)];
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") this.revise(event.shiftKey ? "redo" : "undo");
      else if (key === "y") this.revise("redo");
      else return;
    } else if (arrow) {
      const stride = event.shiftKey ? 1 : this.diameter / 2;
      this.moveTo({ x: this.at.x + arrow[0] * stride, y: this.at.y + arrow[1] * stride });
    } else if (key === " ") (this.current ? this.lift() : this.down());
    else if (key === "escape") this.lift();
    else if (key === "e") this.take(!this.erasing);
    else if (key === "[" || key === "]") this.resize(key === "[" ? -2 : 2);
    else return;
    event.preventDefault();
  }

  /** @param {boolean} eraser */
  take(eraser) {
    this.erasing = eraser;
    byId("brush").setAttribute("aria-pressed", String(!eraser));
    byId("eraser").setAttribute("aria-pressed", String(eraser));
  }

  /** @param {number} by */
  resize(by) {
    this.size.value = String(Number(this.size.value) + by);
    this.showRing();
  }

  /** @param {"undo" | "redo" | "clear"} how */
  revise(how) {
    this.lift();
    this.strokes[how]();
    this.changed();
  }

  down() {
    this.current = { size: this.diameter, erase: this.erasing, points: [this.at] };
    drawStroke(this.context, this.current, this.scale, this.color);
    this.showRing();
  }

  lift() {
    if (!this.current) return;
    this.strokes.add(this.current);
    this.current = null;
    this.changed();
    this.showRing();
  }

  /** @param {Point} point the brush goes there, and paints on its way if it is down */
  moveTo({ x, y }) {
    this.at = { x: Math.min(Math.max(x, 0), this.strokes.width), y: Math.min(Math.max(y, 0), this.strokes.height) };
    this.showRing();
    if (!this.current) return;
    this.current.points.push(this.at);
    drawStroke(this.context, this.current, this.scale, this.color, this.current.points.length - 1);
  }

  showRing() {
    const css = this.canvas.clientWidth / this.strokes.width;
    style(this.ring, { x: `${this.at.x * css}px`, y: `${this.at.y * css}px`, ring: `${this.diameter * css}px` });
    this.ring.classList.toggle("down", Boolean(this.current));
    this.ring.hidden = false;
  }

  changed() {
    this.redraw();
    byId("undo").disabled = !this.strokes.done.length;
    byId("redo").disabled = !this.strokes.undone.length;
    byId("clear").disabled = this.strokes.empty;
    this.onChange();
  }

  redraw() {
    const { canvas } = this;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
    this.strokes.draw(this.context, this.scale, this.color);
  }

  get context() {
    return this.canvas.getContext("2d");
  }

  /** Canvas px for each px of the picture. */
  get scale() {
    return this.canvas.width / this.strokes.width;
  }

  get color() {
    return getComputedStyle(this.canvas).getPropertyValue("--mask");
  }

  /** @param {PointerEvent} event @returns {Point} */
  pointOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.strokes.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }
}
