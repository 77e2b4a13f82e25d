/** What is wrong with a number that was typed, in the words in which the service would say it. */

/** @typedef {import("./tasks.js").Field} Field */

/**
 * @param {Field} field
 * @param {HTMLInputElement} input its native control, of type `number`, or text with the pattern of whole numbers
 * @returns {string} empty if nothing is
 */
export function wrongNumber({ min, max }, input) {
  const { validity } = input;
  if (validity.badInput || validity.patternMismatch || validity.stepMismatch) return "Must be a whole number.";
  if (validity.rangeUnderflow || below(input.value, min)) return `Must be at least ${min}.`;
  return validity.rangeOverflow ? `Must be at most ${max}.` : "";
}

/** Whether whole digits are below a limit; text has no native one. @param {string} value @param {number} [min] */
const below = (value, min) => min !== undefined && value.trim() !== "" && Number(value) < min;
