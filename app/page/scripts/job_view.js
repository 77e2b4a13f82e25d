/** One job in the place of the picture: waiting, painting step by step, and what came of it. */
import { byId, make, style } from "./dom.js";
import { jobParts } from "./job_parts.js";
import { change, recall } from "./memory.js";
import { ask, askJson, Problem } from "./service.js";
import { fetchResults, frameOf, thumbnail, variants } from "./result.js";
import { follow } from "./stream.js";
import { doneWords, etaWords, queueWords, TITLES } from "./words.js";

/** @typedef {import("./result.js").Finished} Finished @typedef {import("./job_parts.js").Listeners} Listeners */

const QUEUE_LOOK_MS = 1500;

export class JobView {
  /** @param {Listeners} listeners */
  constructor(listeners) {
    this.listeners = listeners;
    this.root = byId("job");
    this.id = "";
    this.leaving = new AbortController();
    /** Until what the shown job was made of lies on the desk, or is known to be lost, or nobody wants it. @type {Promise<unknown>} */
    this.opened = Promise.resolve();
    /** Addresses to give back when the job is left. @type {string[]} */
    this.urls = [];
  }

  /** Ends following and gives everything back. */
  leave() {
    this.leaving.abort();
    this.leaving = new AbortController();
    for (const url of this.urls.splice(0)) URL.revokeObjectURL(url);
    this.root.replaceChildren();
    this.id = "";
    document.title = "Inlay";
  }

  /** @param {string} id shown, and followed until it is over */
  async open(id) {
    this.leave();
    this.id = id;
    const { signal } = this.leaving;
    let opened = () => {};
    this.opened = new Promise((resolve) => (opened = () => resolve(undefined)));
    try {
      const kept = await recall(id);
      if (signal.aborted) return;
      this.given = kept?.given ? this.lend(kept.given) : null;
      this.lay();
      const job = await askJson(`v1/jobs/${id}`, { signal });
      await this.hear(job);
      if (!signal.aborted) await this.listeners.onOpen(job, kept?.source ?? null);
      opened();
      const finished = ["succeeded", "failed", "canceled"].includes(job.state) ? job : await this.watch(id, signal);
      if (finished) await this.finish(finished, signal);
    } catch (error) {
      if (!signal.aborted) await this.refuse(error);
    } finally {
      opened();
    }
  }

  /** @param {Blob} blob */
  lend(blob) {
    this.urls.push(URL.createObjectURL(blob));
    return /** @type {string} */ (this.urls.at(-1));
  }

  /** Lays out the frame, the words and the buttons, as long as nothing is known. */
  lay() {
    Object.assign(this, jobParts(this.given, () => this.cancel()));
    this.root.replaceChildren(this.frame, this.bar, this.news);
    if (this.focusing) this.focus();
  }

  /** Puts the focus on what is said of the job, as soon as it is laid out. */
  focus() {
    this.focusing = !this.title?.isConnected;
    if (!this.focusing) this.title.focus({ preventScroll: true });
  }

  /** @param {string} state @param {string} [detail] */
  say(state, detail = "") {
    const title = TITLES[/** @type {"queued"} */ (state)] ?? state;
    if (this.title.textContent !== title) this.title.textContent = title; // said aloud only when it is news
    this.detail.textContent = detail || "\u00a0";
    this.root.dataset.state = state;
    document.title = `${title} · Inlay`; // for those who look at another tab meanwhile
  }

  /** @param {any} job what the service tells of it, to the shelf as well */
  async hear(job) {
    const { input } = job;
    if (input) style(this.frame, { ratio: (input.result_width_px ?? input.width_px) / (input.result_height_px ?? input.height_px) });
    this.say(job.state, job.state === "queued" ? queueWords(job) : etaWords(job.progress));
    await change(job.id, { state: job.state });
    this.listeners.onChange();
  }

  /** @param {string} id followed to its end @param {AbortSignal} signal @returns {Promise<any>} the job then; null if it was left */
  async watch(id, signal) {
    const looking = setInterval(() => this.lookAtQueue(id), QUEUE_LOOK_MS);
    try {
      const onConnection = (/** @type {boolean} */ connected) => this.root.classList.toggle("lost", !connected) && (this.detail.textContent = "Connection lost. Trying again …");
      for await (const event of follow(id, { signal, onConnection })) if (!signal.aborted) this.happens(event);
    } finally {
      clearInterval(looking);
    }
    return signal.aborted ? null : askJson(`v1/jobs/${id}`, { signal });
  }

  /** @param {import("./stream.js").JobEvent} event */
  happens({ name, data }) {
    if (name === "progress") {
      this.bar.value = data.step / data.steps;
      this.say("running", etaWords(data));
      if (data.preview) {
        this.preview.src = data.preview;
        this.preview.hidden = false;
      }
    } else if (name === "started") this.say("running");
    else if (name === "queued" && this.root.dataset.state !== "queued") this.say("queued"); // again, after its worker died
  }

  /** Its place is not told by events, as it changes with others' jobs. @param {string} id */
  async lookAtQueue(id) {
    if (this.root.dataset.state !== "queued") return;
    try {
      const job = await askJson(`v1/jobs/${id}`, { signal: this.leaving.signal });
      if (this.id === id && job.state === "queued" && this.root.dataset.state === "queued") this.say("queued", queueWords(job));
    } catch (error) {
      if (!(error instanceof Problem || this.leaving.signal.aborted)) throw error; // the stream tells what is wrong
    }
  }

  async cancel() {
    byId("cancel").disabled = true;
    try {
      await ask(`v1/jobs/${this.id}/cancel`, { method: "POST" });
      if (this.root.dataset.state === "running") this.detail.textContent = "Stopping …";
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.code === "job_final") return; // it has ended meanwhile, and the stream says how
      this.detail.textContent = error.detail;
      byId("cancel").disabled = false;
    }
  }

  /** @param {any} job over @param {AbortSignal} signal */
  async finish(job, signal) {
    const finished = job.state === "succeeded" ? await fetchResults(job, signal) : [];
    this.urls.push(...finished.map((one) => one.url));
    if (signal.aborted) return;
    const hadFocus = this.root.contains(document.activeElement);
    this.bar.remove();
    this.say(job.state, doneWords(job));
    finished.length ? this.present(job, finished) : this.offer([]);
    if (hadFocus) this.title.focus();
    await change(job.id, { state: job.state, ...(finished.length && { thumb: await thumbnail(finished[0].blob) }) });
    this.listeners.onChange();
  }

  /** @param {any} job @param {Finished[]} finished */
  present(job, finished) {
    const show = (/** @type {number} */ index) => {
      const frame = frameOf(finished[index], this.given, job.results[index]);
      this.frame.replaceWith(frame);
      this.frame = frame;
      this.offer([make("a", { class: "button strong", href: finished[index].url, download: finished[index].filename }, "Download")]);
    };
    show(0);
    const row = variants(finished, show);
    if (row) this.frame.after(row);
  }

  /** @param {HTMLElement[]} first buttons before the one that leads back */
  offer(first) {
    const back = make("button", { type: "button", class: "button", id: "back", onclick: () => this.listeners.onLeave() }, this.listeners.wayBack());
    this.buttons.replaceChildren(...first, back);
  }

  /** @param {unknown} error */
  async refuse(error) {
    if (!(error instanceof Problem)) throw error;
    this.bar.remove();
    this.say(error.title, error.detail);
    if (error.status === 404 || error.status === 410) await this.remember();
    this.offer([]);
    if (error.status === 401) this.id = ""; // a new key may open it again
    this.listeners.onChange();
  }

  /** Of a job that the service has no more, what this browser knows is better than nothing. */
  async remember() {
    const kept = await recall(this.id);
    if (!kept) return;
    await this.listeners.onOpen({ id: kept.id, task: kept.task, parameters: { prompt: kept.prompt } }, kept.source ?? null);
    await change(kept.id, { state: "gone" });
  }
}
