/**
 * What a job is sent as: the same for the form that is posted and for the command that is copied.
 *
 * @typedef {object} FilePart
 * @property {"image" | "mask" | "reference"} name field of the form
 * @property {Blob} blob
 * @property {string} filename
 * @property {boolean} own whether the user has it as a file of this name
 * @property {boolean} [missing] the page does not have it: only its place is named
 *
 * @typedef {object} Parts
 * @property {[string, string][]} fields
 * @property {FilePart[]} files
 */
export {};
