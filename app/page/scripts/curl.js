/** What the page is about to send, as a command for a terminal: it works as it stands, wherever curl does. */
import { byId } from "./dom.js";
import { address, apiKey } from "./service.js";

/** @typedef {import("./parts.js").FilePart} FilePart @typedef {import("./parts.js").Parts} Parts */

const quoted = (/** @type {string} */ text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Files that the user has are named; the others (a painted mask, a pasted picture) are in the command itself.
 * @param {Parts} parts
 */
export async function curlCommand(parts) {
  const made = parts.files.filter((file) => !file.own);
  const blocks = await Promise.all(made.map(written));
  const lines = [`curl -sS --fail-with-body ${quoted(address("v1/jobs"))}`];
  if (apiKey()) lines.push('-H "Authorization: Bearer $INLAY_API_KEY"');
  // Not -F: there, a value that begins with @ or < would be the name of a file.
  for (const [name, value] of parts.fields) lines.push(`--form-string ${quoted(`${name}=${value}`)}`);
  for (const file of parts.files) lines.push(`-F ${file.own ? quoted(`${file.name}=@${curlName(file.filename)}`) : `${file.name}=@"$folder"/${file.name}.png`}`);
  const command = lines.join(" \\\n  ");
  if (!made.length) return `${command}\n`;
  // In a shell of its own, whose end takes the files away, and whose status is curl's.
  return ["(", "folder=$(mktemp -d) || exit", "trap 'rm -r \"$folder\"' EXIT", ...blocks, command, ")"].join("\n") + "\n";
}

/** @param {FilePart} file as lines that write it */
async function written(file) {
  const bytes = new Uint8Array(await file.blob.arrayBuffer());
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  const base64 = btoa(binary).replace(/.{76}(?=.)/g, "$&\n");
  return `base64 -d > "$folder"/${file.name}.png <<'END'\n${base64}\nEND`;
}

/** @param {string} filename in curl's own quotes: commas and semicolons would end it */
const curlName = (filename) => `"${filename.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** @param {() => Promise<Parts>} parts what would be sent now */
export function listenForCurl(parts) {
  const sheet = byId("curl-sheet");
  byId("curl").addEventListener("click", async () => {
    const now = await parts();
    byId("curl-text").value = await curlCommand(now);
    byId("curl-note").textContent = note(now);
    sheet.showModal();
    await copy();
  });
  byId("curl-copy").addEventListener("click", copy);
  byId("curl-close").addEventListener("click", () => sheet.close());
}

/** @param {Parts} parts */
function note(parts) {
  const own = parts.files.filter((file) => file.own && !file.missing).map((file) => file.filename);
  const absent = parts.files.filter((file) => file.missing).map((file) => file.filename);
  const words = absent.length ? [`Put ${absent.join(" and ")} beside it: this page does not have ${absent.length > 1 ? "them" : "it"}.`]
    : own.length ? [`Run it in the folder of ${own.join(" and ")}.`] : ["Run it anywhere."];
  if (apiKey()) words.push("It reads your key from INLAY_API_KEY.");
  words.push("It answers with the job.");
  return words.join(" ");
}

async function copy() {
  const text = byId("curl-text");
  try {
    await navigator.clipboard.writeText(text.value);
    byId("curl-state").textContent = "Copied";
  } catch {
    // Over plain HTTP browsers keep the clipboard to themselves; the old way still works there.
    text.select();
    byId("curl-state").textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it with Ctrl+C";
  }
}
