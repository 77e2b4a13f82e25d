/** The picture before it is sent, with what the task needs laid over it: a mask, a kept side, margins. */
import { byId, say, style } from "./dom.js";
import { draggable } from "./divider.js";
import { Painter } from "./painter.js";
import { hasHoles, release } from "./picture.js";
import { TASKS } from "./tasks.js";

/** @typedef {import("./picture.js").Picture} Picture @typedef {import("./panel.js").Panel} Panel */

export class Editor {
  /** @param {Panel} panel */
  constructor(panel) {
    this.panel = panel;
    /** @type {Picture | null} */
    this.picture = null;
    this.painter = new Painter(() => say(byId("picture-problem")));
    byId("remove").addEventListener("click", () => (this.put(null), this.focus()));
    draggable(byId("divider"), byId("frame"), () => panel.value("keep"), (fraction) => {
      panel.set("fraction", fraction.toFixed(2));
      this.draw();
    });
  }

  /** @param {Picture | null} picture @param {import("./strokes.js").Stroke[]} [strokes] what was brushed over it */
  put(picture, strokes) {
    if (this.picture) release(this.picture);
    this.picture = picture;
    say(byId("picture-problem"));
    if (picture) {
      byId("picture").src = picture.url;
      byId("picture").alt = `Your picture ${picture.name}`;
      byId("picture-name").textContent = `${picture.name} · ${picture.width} × ${picture.height}`;
      this.suggestMargins(picture);
    }
    this.draw();
    if (picture) this.painter.begin(picture.width, picture.height, strokes);
  }

  /** A quarter of the picture on both sides, where nothing was said. @param {Picture} picture */
  suggestMargins(picture) {
    const quarter = String(Math.min(512, Math.max(8, Math.round(picture.width / 32) * 8)));
    for (const side of ["left_px", "right_px"]) if (!this.panel.entered.has(side)) this.panel.set(side, quarter);
  }

  /** What leads here from a job. */
  get wayBack() {
    if (!TASKS[this.panel.task].file) return "Paint another";
    return this.picture ? "Back to the picture" : "New picture";
  }

  /** Puts the focus where one goes on: at the picture, the place for it, or the words. */
  focus() {
    const places = [byId("picture-name"), byId("choose"), byId("field-prompt")];
    places.find((place) => place.offsetParent)?.focus({ preventScroll: true });
  }

  /** Whether nothing says what to paint: no stroke, and no transparent part. */
  get lacksMask() {
    return this.panel.task === "inpaint" && this.picture !== null && this.painter.strokes.empty && !hasHoles(this.picture);
  }

  askForMask() {
    say(byId("picture-problem"), "Brush over what should be painted anew first.");
    byId("mask").focus();
    byId("picture-problem").scrollIntoView({ block: "nearest" });
  }

  /** Shows what fits the task and its values. */
  draw() {
    const { task } = this.panel;
    const wanted = TASKS[task].file !== null;
    const shown = wanted && this.picture !== null;
    byId("drop").hidden = !wanted || shown;
    byId("no-picture").hidden = wanted;
    byId("frame").hidden = byId("picture-row").hidden = !shown;
    byId("tools").hidden = byId("mask").hidden = !(shown && task === "inpaint");
    byId("ring").hidden = true;
    byId("veil").hidden = byId("divider").hidden = !(shown && task === "complete");
    byId("picture").classList.toggle("inset", task === "outpaint");
    if (shown) this.arrange();
  }

  arrange() {
    const { width, height } = /** @type {Picture} */ (this.picture);
    const { left, right, top, bottom } = this.panel.task === "outpaint" ? this.margins() : NO_MARGINS;
    const [whole, high] = [left + width + right, top + height + bottom];
    const frame = byId("frame");
    style(frame, { ratio: whole / high });
    const inset = { left: left / whole, top: top / high, width: width / whole, height: height / high };
    style(byId("picture"), Object.fromEntries(Object.entries(inset).map(([name, share]) => [name, `${share * 100}%`])));
    const keep = this.panel.value("keep");
    const fraction = Number(this.panel.value("fraction"));
    const across = keep === "left" || keep === "right" ? "x" : "y";
    const veil = byId("veil");
    style(veil, { left: "0%", right: "0%", top: "0%", bottom: "0%" });
    if (keep) style(veil, { [keep]: `${fraction * 100}%` });
    byId("divider").dataset.across = across;
    style(byId("divider"), { at: `${(keep === "left" || keep === "top" ? fraction : 1 - fraction) * 100}%` });
  }

  /** Pixels to add on each side. */
  margins() {
    const px = (/** @type {string} */ side) => Math.max(0, Math.round(Number(this.panel.value(`${side}_px`)) || 0));
    return { left: px("left"), right: px("right"), top: px("top"), bottom: px("bottom") };
  }

  /** The files that the task takes, as far as there are any. @returns {Promise<import("./parts.js").FilePart[]>} */
  async files() {
    const name = TASKS[this.panel.task].file;
    if (!name || !this.picture) return [];
    const { blob, name: filename, own } = this.picture;
    /** @type {import("./parts.js").FilePart[]} */
    const files = [{ name, blob, filename, own }];
    const { strokes } = this.painter;
    if (this.panel.task === "inpaint" && !strokes.empty) {
      files.push({ name: "mask", blob: await strokes.png(), filename: "mask.png", own: false });
    }
    return files;
  }
}

const NO_MARGINS = { left: 0, right: 0, top: 0, bottom: 0 };
