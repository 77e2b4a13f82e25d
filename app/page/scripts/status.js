/** Which model answers, and whether anybody is there to paint. */
import { byId } from "./dom.js";
import { askJson, Problem } from "./service.js";

const AGAIN_MS = 2500;
const SETTLED_MS = 30_000;

export class Status {
  /** @param {(models: {id: string, tasks: string[]}[]) => void} onModels told at each look */
  constructor(onModels) {
    this.onModels = onModels;
    this.timer = 0;
  }

  /** Looks now, and again from then on: often until all is well. */
  async look() {
    clearTimeout(this.timer);
    let settled = false;
    try {
      const { models } = await askJson("v1/models");
      this.onModels(models);
      settled = models.length > 0;
      say(settled ? "ready" : "waiting", settled ? models.map((/** @type {any} */ model) => model.id).join(", ") : "Waiting for a worker");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401) return say("waiting", "API key needed"); // a new key looks again
      say("away", error.title);
    }
    this.timer = setTimeout(() => this.look(), settled ? SETTLED_MS : AGAIN_MS);
  }
}

/** @param {string} state @param {string} words */
function say(state, words) {
  byId("service").dataset.state = state;
  if (byId("service").textContent !== words) byId("service").textContent = words;
}
