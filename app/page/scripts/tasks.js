/**
 * The tasks and their parameters as the panel shows them. Names, ranges and defaults are those of the service
 * (jobs/spec.py); a test holds them to it.
 *
 * @typedef {object} Field
 * @property {string} name the parameter
 * @property {string} label
 * @property {"words" | "line" | "range" | "number" | "choice" | "select" | "check"} kind
 * @property {string} value default; empty is left to the service
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [step]
 * @property {[string, string][]} [choices] value and label
 * @property {string} [hint]
 * @property {boolean} [half] two beside each other
 * @property {(value: string) => string} [shown] a range's value in words
 * @property {Record<string, string[]>} [when] shown only while other fields have one of these values
 * @property {string} [pointer] where the service's problems point to, if not to the name
 *
 * @typedef {object} Task
 * @property {string} label
 * @property {string} blurb
 * @property {"image" | "reference" | null} file what the picture is sent as
 * @property {Field[]} fields
 * @property {Record<string, string>} [defaults] of shared fields, where the task has others
 */

const percent = (/** @type {string} */ value) => `${Math.round(Number(value) * 100)} %`;
const px = (/** @type {string} */ value) => `${value} px`;
const sides = [["left", "Left"], ["right", "Right"], ["top", "Top"], ["bottom", "Bottom"]];

/** @type {Field[]} */
const margins = sides.map(([side, label]) => ({
  name: `${side}_px`, label: `${label}, px`, kind: "number", value: "0", min: 0, max: 2048, step: 1, half: true,
}));
/** @type {Field[]} */
const canvas = [["width_px", "Width, px"], ["height_px", "Height, px"]].map(([name, label]) => ({
  name, label, kind: "number", value: "", min: 64, max: 2048, step: 1, half: true, hint: "Empty: the model’s own size",
}));
const drawn = { guidance_scale: "3" };

/** @type {Record<string, Task>} */
export const TASKS = {
  complete: {
    label: "Complete", file: "image",
    blurb: "Keeps one side and paints the rest.",
    fields: [
      { name: "keep", label: "Side to keep", kind: "choice", value: "left", choices: /** @type {[string, string][]} */ (sides) },
      { name: "fraction", label: "How much is kept", kind: "range", value: "0.5", min: 0.1, max: 0.9, step: 0.01, shown: percent },
    ],
  },
  inpaint: {
    label: "Inpaint", file: "image",
    blurb: "Paints anew what you brush over. Everything else stays as it is, to the byte.",
    fields: [],
  },
  outpaint: {
    label: "Outpaint", file: "image",
    blurb: "Paints beyond the borders: as many pixels as you add on each side.",
    fields: margins,
  },
  upscale: {
    label: "Upscale", file: "image",
    blurb: "Enlarges a small picture. Made smaller again, it is what you sent.",
    fields: [{ name: "factor", label: "How many times", kind: "choice", value: "2", choices: [["2", "2×"], ["4", "4×"], ["8", "8×"]] }],
  },
  colorize: {
    label: "Colorize", file: "image",
    blurb: "Paints the colours of a grey picture and keeps its light and shade.",
    fields: [],
  },
  deblur: {
    label: "Deblur", file: "image",
    blurb: "Undoes a blur whose shape you know.",
    fields: [
      { name: "kernel", label: "Blur", kind: "choice", value: "gaussian", choices: [["gaussian", "Out of focus"], ["motion", "Shaken"]] },
      { name: "sigma_px", label: "Width (sigma)", kind: "range", value: "2", min: 0.5, max: 20, step: 0.5, shown: px, when: { kernel: ["gaussian"] } },
      { name: "length_px", label: "Length", kind: "range", value: "9", min: 2, max: 100, step: 1, shown: px, when: { kernel: ["motion"] } },
      { name: "angle_deg", label: "Direction", kind: "range", value: "0", min: -180, max: 180, step: 1, shown: (value) => `${value}°`, when: { kernel: ["motion"] } },
    ],
  },
  style: {
    label: "Style", file: "reference", defaults: { ...drawn, solver: "newton" },
    blurb: "Paints something new from your words, in the style of the picture.",
    fields: canvas,
  },
  generate: {
    label: "Generate", file: null, defaults: drawn,
    blurb: "Paints a picture from your words alone.",
    fields: canvas,
  },
};

/** @type {Field} */
export const PROMPT = { name: "prompt", label: "Prompt", kind: "words", value: "", hint: "Say what the whole picture shows: without words, something else may be painted into it." };

const PICTURED = ["complete", "inpaint", "outpaint"];

/** @param {string} task @param {[string, string][]} models @returns {Field[]} */
export function sharedFields(task, models) {
  /** @type {(Field | false)[]} */
  const fields = [
    { name: "negative_prompt", label: "Negative prompt", kind: "words", value: "", hint: "What it should not show; works with guidance above 1." },
    { name: "steps", label: "Steps", kind: "range", value: "20", min: 1, max: 100, step: 1 },
    { name: "guidance_scale", label: "Guidance", kind: "range", value: "1", min: 1, max: 20, step: 0.5, shown: (value) => (value === "1" ? "off" : value) },
    { name: "seed", label: "Seed", kind: "line", value: "", min: 0, half: true, hint: "Empty: drawn" },
    { name: "n", label: "Pictures", kind: "number", value: "1", min: 1, max: 8, step: 1, half: true },
    PICTURED.includes(task) && { name: "mask_feather_px", label: "Soft border", kind: "range", value: "0", min: 0, max: 64, step: 1, shown: px },
    PICTURED.includes(task) && { name: "preserve_known", label: "Put the known pixels back", kind: "check", value: "true" },
    { name: "solver", label: "Solver", kind: "choice", value: "default", choices: [["default", "Ours"], ["newton", "The paper’s"]] },
    { name: "inner_steps", label: "Corrections a step", kind: "range", value: "5", min: 0, max: 20, step: 1, when: { solver: ["newton"] } },
    { name: "format", label: "File format", kind: "select", value: "png", half: true, pointer: "/output/format", choices: [["png", "PNG"], ["webp", "WebP"], ["jpeg", "JPEG"]] },
    { name: "quality", label: "Quality", kind: "number", value: "90", min: 1, max: 100, step: 1, half: true, pointer: "/output/quality", when: { format: ["webp", "jpeg"] } },
    models.length > 1 && { name: "model", label: "Model", kind: "select", value: "", choices: [["", "Any"], ...models] },
  ];
  return fields.filter((field) => field !== false);
}
