/**
 * A job as it happens: server-sent events read with fetch, since EventSource cannot send an API key.
 * A stream that breaks or falls silent is asked for again from the last event seen; nothing is lost or told twice.
 */
import { ask, Problem } from "./service.js";

/** The service sends a comment every 15 seconds, so silence for longer than this is a dead connection. */
const SILENCE_MS = 40_000;
const LONGEST_PAUSE_MS = 8_000;
const FINAL = new Set(["succeeded", "failed", "canceled"]);

/** @typedef {{id: string, name: string, data: any}} JobEvent */

/**
 * All events of a job until its end. Throws the Problem of a job that is gone, or a key that is wrong.
 * @param {string} jobId
 * @param {{signal: AbortSignal, onConnection: (connected: boolean) => void}} options
 * @returns {AsyncGenerator<JobEvent, void>}
 */
export async function* follow(jobId, { signal, onConnection }) {
  let lastId = "";
  for (let failures = 0; !signal.aborted; failures++) {
    const connection = new Connection(signal);
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const path = `v1/jobs/${jobId}/events?previews=true`;
      const answer = await ask(path, { headers, signal: connection.signal });
      if (answer.status === 204 || !answer.body) return; // the end was seen before
      onConnection(true);
      for await (const event of eventsOf(answer.body, connection)) {
        failures = 0;
        lastId = event.id || lastId;
        yield event;
        if (FINAL.has(event.name)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && !error.passing) throw error;
    } finally {
      connection.close();
    }
    if (signal.aborted) return;
    onConnection(false);
    await pause(Math.min(400 * 2 ** failures, LONGEST_PAUSE_MS), signal);
  }
}

/** One connection: ends with the follower's signal, or when nothing has come for too long. */
class Connection {
  /** @param {AbortSignal} outer */
  constructor(outer) {
    this.abort = new AbortController();
    this.signal = this.abort.signal;
    this.outer = outer;
    this.end = () => this.abort.abort();
    outer.addEventListener("abort", this.end, { once: true });
    this.alive();
  }

  /** Something came. */
  alive() {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.end, SILENCE_MS);
  }

  close() {
    clearTimeout(this.timer);
    this.outer.removeEventListener("abort", this.end);
    this.abort.abort();
  }
}

/**
 * Events of a stream of bytes, by section 9.2 of the HTML standard.
 * @param {ReadableStream<Uint8Array>} body
 * @param {Connection} connection
 */
async function* eventsOf(body, connection) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    connection.alive();
    text += value.replaceAll("\r", "");
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = eventIn(block);
      if (event) yield event;
    }
  }
}

/** @param {string} block lines of one event, or of a comment @returns {JobEvent | null} */
function eventIn(block) {
  const fields = { id: "", event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name in fields) fields[/** @type {keyof typeof fields} */ (name)] = value;
  }
  return fields.data ? { id: fields.id, name: fields.event, data: JSON.parse(fields.data) } : null;
}

/** @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve(undefined)), { once: true });
  });
}
