/** One parameter as a labelled native control, with its hint and a place for what is wrong with it. */
import { make, say } from "./dom.js";
import { wrongNumber } from "./numbers.js";

/** @typedef {import("./tasks.js").Field} Field */

/**
 * @typedef {object} Control
 * @property {Field} field
 * @property {HTMLElement} node the control with label, hint and error
 * @property {() => string} read
 * @property {(value: string) => void} write
 * @property {(message: string) => void} complain empty takes it back
 * @property {() => string} wrong what is wrong with its value, as far as the page can tell
 * @property {() => void} focus
 */

/**
 * @param {Field} field
 * @param {string} value
 * @param {(value: string) => void} onInput
 * @returns {Control}
 */
export function makeControl(field, value, onInput) {
  const inner = field.kind === "choice" ? choice(field) : field.kind === "check" ? check(field) : single(field);
  const hint = make("p", { class: "hint soft small", id: `${field.name}-hint` }, field.hint ?? "");
  const error = make("p", { class: "error", id: `${field.name}-error`, hidden: true });
  if (field.hint) inner.node.append(hint);
  inner.node.append(error);
  inner.node.classList.add("field");
  inner.node.classList.toggle("half", Boolean(field.half));
  const told = [field.hint && hint.id, error.id].filter(Boolean).join(" ");
  for (const input of inner.inputs) input.setAttribute("aria-describedby", told);
  inner.write(value);
  const wrong = () => (["number", "line"].includes(field.kind) ? wrongNumber(field, inner.inputs[0]) : "");
  inner.node.addEventListener("input", () => (complain(""), inner.write(inner.read()), onInput(inner.read())));

  /** @param {string} message */
  function complain(message) {
    say(error, message);
    for (const input of inner.inputs) {
      if (message) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }
  return { field, node: inner.node, read: inner.read, write: inner.write, complain, wrong, focus: () => inner.focused().focus() };
}

/** @param {Field} field */
function single(field) {
  const id = `field-${field.name}`;
  const range = { id, name: field.name, min: field.min, max: field.max, step: field.step };
  const input = {
    words: () => make("textarea", { id, name: field.name, rows: 2, maxlength: 2000 }),
    line: () => make("input", { id, name: field.name, type: "text", inputmode: "numeric", pattern: "\\s*-?[0-9]+\\s*", autocomplete: "off" }),
    range: () => make("input", { ...range, type: "range" }),
    number: () => make("input", { ...range, type: "number", inputmode: "numeric" }),
    select: () => make("select", { id, name: field.name }, ...(field.choices ?? []).map(([value, label]) => make("option", { value }, label))),
  }[/** @type {"words"} */ (field.kind)]();
  const label = make("label", { for: id }, field.label);
  const output = make("output", { for: id });
  const shown = field.shown ?? ((/** @type {string} */ value) => value);
  const head = field.kind === "range" ? make("div", { class: "label-row" }, label, output) : label;
  if (field.kind === "range") label.className = "ranged";
  return {
    node: make("div", {}, head, input),
    inputs: [input],
    focused: () => input,
    read: () => input.value,
    write: (/** @type {string} */ value) => {
      if (input.value !== value) input.value = value;
      if (field.kind === "range") {
        if (Number(input.value) !== Number(value)) Object.assign(input, { step: "any", value }); // a job's, from elsewhere
        output.textContent = shown(input.value);
        input.setAttribute("aria-valuetext", shown(input.value));
      }
    },
  };
}

/** @param {Field} field */
function choice(field) {
  const inputs = (field.choices ?? []).map(([value]) => make("input", { type: "radio", name: field.name, value }));
  const labels = inputs.map((input, index) => make("label", {}, input, (field.choices ?? [])[index][1]));
  const chosen = () => inputs.find((input) => input.checked) ?? inputs[0];
  return {
    node: make("fieldset", {}, make("legend", {}, field.label), make("div", { class: "segments" }, ...labels)),
    inputs,
    focused: chosen,
    read: () => chosen().value,
    write: (/** @type {string} */ value) => inputs.forEach((input) => (input.checked = input.value === value)),
  };
}

/** @param {Field} field */
function check(field) {
  const input = make("input", { type: "checkbox", name: field.name });
  return {
    node: make("div", {}, make("label", { class: "check" }, input, field.label)),
    inputs: [input],
    focused: () => input,
    read: () => String(input.checked),
    write: (/** @type {string} */ value) => (input.checked = value === "true"),
  };
}
