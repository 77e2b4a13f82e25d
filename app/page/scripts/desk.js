/**
 * What is worked on: picture, strokes and settings together. It gives way to a job that is opened, and is there again on
 * the way back.
 */
import { readPicture } from "./picture.js";
import { settingsOf } from "./settings.js";
import { TASKS } from "./tasks.js";

/**
 * @typedef {object} Source a picture, and what was brushed over it
 * @property {Blob} blob
 * @property {string} name
 * @property {boolean} own whether the user has it as a file of this name
 * @property {import("./strokes.js").Stroke[]} strokes
 */

/** A larger picture is not kept with its job: a browser has room for thirty of these. */
const LARGEST_KEPT_BYTES = 16 * 2 ** 20;

export class Desk {
  /** @param {import("./panel.js").Panel} panel @param {import("./editor.js").Editor} editor */
  constructor(panel, editor) {
    this.panel = panel;
    this.editor = editor;
    /** What lay here before a job was opened. @type {{task: string, entered: Map<string, string>, source: Source | null} | null} */
    this.aside = null;
    /** The job that was sent from here and lies here as it was sent, a drawn seed left empty. */
    this.sentId = "";
    /** The job that lies here while it is shown, and whether its picture does. @type {{job: any, complete: boolean} | null} */
    this.shown = null;
    this.turn = 0;
  }

  /** @returns {Source | null} */
  source() {
    const { picture, painter } = this.editor;
    return picture && { blob: picture.blob, name: picture.name, own: picture.own, strokes: [...painter.strokes.done] };
  }

  /** What to keep of the picture with a job that is sent. @returns {Source | null} */
  sourceToKeep() {
    const source = TASKS[this.panel.task].file ? this.source() : null;
    return source && source.blob.size <= LARGEST_KEPT_BYTES ? source : null;
  }

  /** @param {string} id a job has been made of what lies here */
  sent(id) {
    this.sentId = id;
    this.aside = this.shown = null;
  }

  /**
   * Takes a job's picture and settings up, so that what is sent or copied next is that job.
   * @param {any} job as the service tells it
   * @param {Source | null} source its picture, if this browser has kept it
   */
  async open(job, source) {
    const asSent = this.sentId === job.id;
    this.sentId = "";
    if (asSent) return;
    this.aside ??= { task: this.panel.task, entered: new Map(this.panel.entered), source: this.source() };
    if (TASKS[job.task].file && !(await this.put(source))) return;
    this.panel.takeUp(job.task, settingsOf(job, this.panel.models).values);
    this.shown = { job, complete: source !== null };
  }

  /** The job is not shown any more. @param {boolean} back to what lay here before, else what is here stays */
  async leave(back) {
    const { aside } = this;
    this.aside = this.shown = null;
    if (!aside || !back || !(await this.put(aside.source))) return;
    this.panel.entered = aside.entered;
    this.panel.choose(aside.task);
  }

  /** @param {Source | null} source @returns {Promise<boolean>} false if something else was put here meanwhile */
  async put(source) {
    const turn = ++this.turn;
    const picture = source && (await readPicture(source.blob, source.name, source.own));
    if (turn !== this.turn) return false;
    this.editor.put(picture, source?.strokes);
    return true;
  }

  /** What would be sent now. @returns {Promise<import("./parts.js").Parts>} */
  async parts() {
    return { fields: this.panel.fields(), files: await this.editor.files() };
  }

  /** The same as a command can say it: what is not here is named, and what the panel has no field for is told. */
  async partsToCopy() {
    const { fields, files } = await this.parts();
    const name = TASKS[this.panel.task].file;
    if (name && !files.length) files.push(missing(name, "picture.png"));
    const { job, complete } = this.shown ?? {};
    if (!job) return { fields, files };
    if (!complete && job.input?.mask_source === "file") files.push(missing("mask", "mask.png"));
    return { fields: [...fields, ...settingsOf(job, this.panel.models).beyond], files };
  }
}

/** @param {"image" | "mask" | "reference"} name @param {string} filename @returns {import("./parts.js").FilePart} */
const missing = (name, filename) => ({ name, blob: new Blob(), filename, own: true, missing: true });
