/** The page's elements: found by id, or made. */

/**
 * The element of index.html with this id.
 * @param {string} id
 * @returns {any} as what it is: callers know whether it is an input or a canvas
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`index.html has no #${id}`);
  return node;
}

/**
 * A new element. Attributes whose value is a function are listeners (`onclick`), booleans are set or left out.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else if (value !== undefined && value !== null) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/**
 * Sets custom properties; the policy forbids style attributes, not this.
 * @param {HTMLElement} node
 * @param {Record<string, string | number>} properties names without the two dashes
 */
export function style(node, properties) {
  for (const [name, value] of Object.entries(properties)) node.style.setProperty(`--${name}`, String(value));
}

/**
 * Says something in an element, or hides it when there is nothing to say.
 * @param {HTMLElement} node
 * @param {string} [text]
 */
export function say(node, text = "") {
  node.textContent = text;
  node.hidden = !text;
}
