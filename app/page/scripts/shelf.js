/** The jobs of this browser under the picture, newest first; those that are not over yet are asked for now and then. */
import { byId, make } from "./dom.js";
import { all, change, forget, forgetAll } from "./memory.js";
import { askJson, Problem } from "./service.js";
import { TASKS } from "./tasks.js";

/** @typedef {import("./memory.js").Kept} Kept */

const LOOK_EVERY_MS = 4000;
const FINAL = ["succeeded", "failed", "canceled", "gone"];
const WORDS = { queued: "Waiting", running: "Painting", succeeded: "", failed: "Failed", canceled: "Canceled", gone: "No longer kept" };

export class Shelf {
  /** @param {(id: string) => void} onOpen @param {(id: string) => void} onForget */
  constructor(onOpen, onForget) {
    this.onOpen = onOpen;
    this.onForget = onForget;
    this.current = "";
    /** Addresses of the thumbnails shown. @type {string[]} */
    this.urls = [];
    byId("forget-all").addEventListener("click", async () => {
      await forgetAll();
      await this.draw();
    });
    setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** @param {string} id the job shown above; empty for none */
  mark(id) {
    this.current = id;
    for (const card of byId("shelf").querySelectorAll(".card")) card.setAttribute("aria-current", String(card.dataset.id === id));
  }

  async draw() {
    const jobs = await all();
    const old = this.urls;
    this.urls = [];
    byId("shelf").replaceChildren(...jobs.map((job) => this.card(job)));
    byId("history").hidden = jobs.length === 0;
    for (const url of old) URL.revokeObjectURL(url);
    this.mark(this.current);
  }

  /** @param {Kept} job */
  card(job) {
    const words = job.prompt || TASKS[job.task]?.label || job.task;
    const state = WORDS[/** @type {"queued"} */ (job.state)];
    const more = [job.prompt && (TASKS[job.task]?.label ?? job.task), state || ago(job.sent)].filter(Boolean).join(" · ");
    const card = make("button", { type: "button", class: "card", "data-id": job.id, onclick: () => this.onOpen(job.id) },
      make("span", { class: "thumb" }, ...this.picture(job)),
      make("span", { class: "words" }, words),
      make("span", { class: "more" }, more));
    const away = make("button", { type: "button", class: "forget", "aria-label": `Take ${words} off the list`, onclick: () => this.take(job.id) }, "×");
    return make("li", {}, card, away);
  }

  /** @param {Kept} job */
  picture(job) {
    const blob = job.thumb ?? job.given;
    if (!blob) return [];
    this.urls.push(URL.createObjectURL(blob));
    return [make("img", { src: this.urls.at(-1), alt: "" })];
  }

  /** @param {string} id */
  async take(id) {
    await forget(id);
    await this.draw();
    this.onForget(id);
  }

  /** Asks for those that are not over; the one shown is followed above. */
  async look() {
    if (document.hidden) return;
    for (const job of await all()) {
      if (FINAL.includes(job.state) || job.id === this.current) continue;
      const state = await stateOf(job.id);
      if (!state || state === job.state) continue;
      await change(job.id, { state });
      await this.draw();
    }
  }
}

/** @param {string} id @returns {Promise<string | null>} null if the service does not say now */
async function stateOf(id) {
  try {
    return (await askJson(`v1/jobs/${id}`)).state;
  } catch (error) {
    return error instanceof Problem && (error.status === 404 || error.status === 410) ? "gone" : null;
  }
}

/** @param {number} sent ms since 1970 */
function ago(sent) {
  const minutes = Math.round((sent - Date.now()) / 60_000);
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
  if (minutes > -1) return "just now";
  if (minutes > -60) return words.format(minutes, "minute");
  return minutes > -1440 ? words.format(Math.round(minutes / 60), "hour") : words.format(Math.round(minutes / 1440), "day");
}
