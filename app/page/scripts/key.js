/** The API key: asked for when the service does, kept in this tab only (sessionStorage), forgotten with it. */
import { byId, say } from "./dom.js";
import { apiKey, keepApiKey } from "./service.js";

/** @param {() => void} onKey there is a new one to try */
export function listenForKey(onKey) {
  const input = byId("key");
  const use = () => {
    const key = input.value.trim();
    // A header cannot hold anything else, so no key has it.
    if (!/^[!-~]+$/.test(key)) return say(byId("key-problem"), "A key has no spaces or special letters.");
    keepApiKey(key);
    input.value = "";
    byId("key-row").hidden = true;
    onKey();
  };
  byId("use-key").addEventListener("click", use);
  input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // the form would be sent
    use();
  });
  document.addEventListener("unauthorized", () => {
    say(byId("key-problem"), apiKey() ? "The service does not know this key." : "");
    keepApiKey("");
    byId("key-row").hidden = false;
  });
}
