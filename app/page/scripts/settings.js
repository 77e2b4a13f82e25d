/** A job's parameters as settings of the panel. */
import { PROMPT, sharedFields, TASKS } from "./tasks.js";

/** Parameters without a field, as they are where nobody has set them. */
const UNSET = { priority: "normal", mask_polarity: "white_repaints", mask_resize: false };

/**
 * @param {any} job as the service tells it
 * @param {[string, string][]} models those that can be chosen
 * @returns {{task: string, values: Map<string, string>, beyond: [string, string][]}} values by field, and what has none
 */
export function settingsOf({ task, parameters, metadata }, models) {
  const { output, ...named } = parameters;
  const told = { ...named, ...output };
  const fields = [...TASKS[task].fields, PROMPT, ...sharedFields(task, models)];
  const values = new Map(fields.map(({ name, value }) => [name, words(told[name] ?? TASKS[task].defaults?.[name] ?? value)]));
  const others = Object.entries(told).filter(([name, value]) => !values.has(name) && value !== null && value !== unset(name));
  const given = Object.keys(metadata ?? {}).length ? [["metadata", metadata]] : [];
  return { task, values, beyond: [...others, ...given].map(([name, value]) => [name, words(value)]) };
}

const unset = (/** @type {string} */ name) => UNSET[/** @type {"priority"} */ (name)];

/** @param {unknown} value as a form says it */
const words = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
