/** The settings beside the picture: task, its parameters, those that all tasks share, and the problems with them. */
import { byId, make, say } from "./dom.js";
import { makeControl } from "./fields.js";
import { PROMPT, sharedFields, TASKS } from "./tasks.js";

/** @typedef {import("./fields.js").Control} Control @typedef {import("./tasks.js").Field} Field */

const OUTPUT = ["format", "quality"];

/** What the service says of a field, without the field's name before it. @param {string} pointer @param {string} detail */
function sentence(pointer, detail) {
  const name = pointer.slice(1);
  const words = detail.startsWith(`${name} `) ? detail.slice(name.length + 1) : detail;
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export class Panel {
  /** @param {() => void} onChange the task or a value has changed */
  constructor(onChange) {
    this.onChange = onChange;
    this.task = "complete";
    /** What was entered, by parameter; kept when the task changes. @type {Map<string, string>} */
    this.entered = new Map();
    /** @type {Map<string, Control>} */
    this.controls = new Map();
    /** @type {[string, string][]} */
    this.models = [];
    this.radios = Object.entries(TASKS).map(([value, task]) => {
      const input = make("input", { type: "radio", name: "task", value, onchange: () => this.choose(value) });
      byId("tasks").append(make("label", {}, input, task.label));
      return input;
    });
    this.choose(this.task);
  }

  /** @param {string} task */
  choose(task) {
    this.task = task;
    for (const radio of this.radios) radio.checked = radio.value === task;
    byId("blurb").textContent = TASKS[task].blurb;
    this.draw();
    this.clearProblems();
    this.onChange();
  }

  /** @param {string} task @param {Map<string, string>} values of its fields; defaults count as not entered */
  takeUp(task, values) {
    this.task = task;
    for (const [name, value] of values) this.entered.set(name, value);
    for (const field of [...TASKS[task].fields, PROMPT, ...sharedFields(task, this.models)]) {
      if (this.entered.get(field.name) === this.initial(field)) this.entered.delete(field.name);
    }
    this.choose(task);
  }

  /** @param {{id: string, tasks: string[]}[]} models those of all live workers; none: nothing is known yet */
  offer(models) {
    const able = new Set(models.flatMap((model) => model.tasks));
    for (const radio of this.radios) {
      radio.disabled = able.size > 0 && !able.has(radio.value);
      radio.parentElement.title = radio.disabled ? "No worker does this task now" : "";
    }
    const listed = models.map((model) => /** @type {[string, string]} */ ([model.id, model.id]));
    const news = String(listed) !== String(this.models);
    this.models = listed;
    if (news) this.draw();
  }

  draw() {
    this.controls.clear();
    this.fill("own-fields", TASKS[this.task].fields);
    this.fill("main-fields", [PROMPT]);
    this.fill("more-fields", sharedFields(this.task, this.models));
    this.showFitting();
  }

  /** @param {string} id @param {Field[]} fields */
  fill(id, fields) {
    const controls = fields.map((field) =>
      makeControl(field, this.entered.get(field.name) ?? this.initial(field), (value) => {
        this.entered.set(field.name, value);
        this.showFitting();
        this.onChange();
      }),
    );
    for (const control of controls) this.controls.set(control.field.name, control);
    byId(id).replaceChildren(...controls.map((control) => control.node));
  }

  /** @param {Field} field its default in this task */
  initial(field) {
    return TASKS[this.task].defaults?.[field.name] ?? field.value;
  }

  showFitting() {
    for (const { field, node } of this.controls.values()) node.hidden = !this.fits(field);
  }

  /** @param {Field} field whether it means something beside the others' values */
  fits(field) {
    return Object.entries(field.when ?? {}).every(([name, values]) => values.includes(this.value(name)));
  }

  /** @param {string} name */
  value(name) {
    return this.controls.get(name)?.read() ?? "";
  }

  /** @param {string} name @param {string} value */
  set(name, value) {
    this.entered.set(name, value);
    this.controls.get(name)?.write(value);
  }

  /**
   * The parameters to send: those of the task, and of the shared ones what differs from the service's defaults.
   * Words become one line: a browser's forms would send other line ends than were typed.
   */
  fields() {
    /** @type {[string, string][]} */
    const fields = [["task", this.task]];
    const own = new Set(TASKS[this.task].fields.map((field) => field.name));
    for (const { field, read } of this.controls.values()) {
      const same = !own.has(field.name) && read() === this.initial(field);
      const value = read().trim().replace(/\s*\n\s*/g, " ");
      if (this.fits(field) && value && !same && !OUTPUT.includes(field.name)) fields.push([field.name, value]);
    }
    const format = this.value("format");
    if (format !== "png") fields.push(["output", JSON.stringify({ format, quality: Number(this.value("quality")) })]);
    return fields;
  }

  /**
   * Shows a problem beside the field that it names, or above the button if it names none.
   * @param {import("./service.js").Problem} problem
   */
  show(problem) {
    this.clearProblems();
    const rest = problem.complaints.filter(({ pointer, detail }) => !this.complain(pointer, detail));
    if (rest.length) this.tell(problem, rest.map(({ detail }) => detail));
    else this.firstWrong()?.focus();
  }

  /** @param {string} pointer @param {string} detail @returns {boolean} whether there is such a field */
  complain(pointer, detail) {
    if (pointer === "/task") return say(byId("task-problem"), detail), true;
    if (["/image", "/mask", "/reference"].includes(pointer)) {
      say(byId("picture-problem"), detail);
      byId("picture-problem").scrollIntoView({ block: "nearest" });
      return true;
    }
    const control = [...this.controls.values()].find(({ field }) => (field.pointer ?? `/${field.name}`) === pointer);
    if (!control || control.node.hidden) return false;
    this.point(control, sentence(pointer, detail));
    return true;
  }

  /** @param {Control} control @param {string} message */
  point(control, message) {
    control.complain(message);
    if (byId("more").contains(control.node)) byId("more").open = true;
  }

  /** Says what is wrong with the numbers that were typed. @returns {boolean} whether all is well */
  check() {
    const wrong = [...this.controls.values()].filter((control) => this.fits(control.field) && control.wrong());
    for (const control of wrong) this.point(control, control.wrong());
    wrong[0]?.focus();
    return !wrong.length;
  }

  /** @param {import("./service.js").Problem} problem @param {string[]} details */
  tell(problem, details) {
    const words = [make("h3", {}, problem.title), ...details.map((detail) => make("p", {}, detail))];
    if (problem.requestId) words.push(make("p", { class: "soft" }, `${problem.code} · request ${problem.requestId}`));
    byId("problem").replaceChildren(...words);
    byId("problem").hidden = false;
  }

  firstWrong() {
    return [...this.controls.values()].find(({ node }) => node.querySelector("[aria-invalid]"));
  }

  clearProblems() {
    for (const id of ["task-problem", "picture-problem"]) say(byId(id));
    byId("problem").hidden = true;
    for (const control of this.controls.values()) control.complain("");
  }
}
