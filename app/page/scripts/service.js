/** The service as seen from here: its addresses, the API key, and its problems (RFC 9457). */

/** Where the service is, with a slash at the end, whatever prefix a proxy puts before it: this file lies three deep. */
export const BASE = new URL("../../../", import.meta.url);
const KEY = "inlay.key";

/** A request that was refused, in the service's own words. */
export class Problem extends Error {
  /** @param {{status: number, code: string, title: string, detail: string, pointer?: string, request_id?: string,
   *   retryable?: boolean, errors?: {pointer: string, detail: string}[]}} body */
  constructor(body) {
    super(body.detail);
    this.status = body.status;
    this.code = body.code;
    this.title = body.title;
    this.detail = body.detail;
    this.requestId = body.request_id;
    /** What is wrong, field by field. @type {{pointer: string, detail: string}[]} */
    this.complaints = body.errors ?? [{ pointer: body.pointer ?? "", detail: body.detail }];
  }

  /** Whether the same request may succeed in a moment without anybody doing anything. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** @param {string} path relative to the service, without a slash before it */
export const address = (path) => new URL(path, BASE).href;

/** The API key of this tab; empty if there is none. */
export const apiKey = () => sessionStorage.getItem(KEY) ?? "";

/** @param {string} key empty forgets it */
export function keepApiKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

/**
 * Asks the service. Throws a Problem unless it answers 2xx; one of code `unreachable` if it does not answer.
 * A missing or wrong key is also told to the document, as an event `unauthorized`.
 * @param {string} path
 * @param {RequestInit} [options]
 */
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (apiKey()) headers.set("Authorization", `Bearer ${apiKey()}`);
  let answer;
  try {
    answer = await fetch(address(path), { cache: "no-store", ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem({
      status: 0,
      code: "unreachable",
      title: "The service does not answer",
      detail: "Check your connection, then try again.",
    });
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (problem.status === 401) document.dispatchEvent(new CustomEvent("unauthorized", { detail: problem }));
  throw problem;
}

/**
 * Asks for JSON. A seed may be larger than a number can tell exactly (2⁵³): then it stays text.
 * @param {string} path
 * @param {RequestInit} [options]
 */
export async function askJson(path, options) {
  const text = await (await ask(path, options)).text();
  return JSON.parse(text.replace(/("seed": ?)(\d{16,})/g, '$1"$2"'));
}

/** @param {Response} answer what a proxy on the way says is no problem of ours, so it gets one made up */
async function problemOf(answer) {
  const made = { status: answer.status, code: "http_error", title: `The service answered ${answer.status}`, detail: answer.statusText };
  try {
    return new Problem({ ...made, ...(await answer.json()) });
  } catch {
    return new Problem(made);
  }
}

/**
 * Sends a job; a network that fails on the way is tried again under the same key, so that it makes one job.
 * @param {import("./parts.js").Parts} parts
 */
export async function submit(parts) {
  const body = new FormData();
  for (const [name, value] of parts.fields) body.append(name, value);
  for (const file of parts.files) body.append(file.name, file.blob, file.filename);
  const headers = { "Idempotency-Key": randomId() };
  for (let attempt = 1; ; attempt++) {
    try {
      return await askJson("v1/jobs", { method: "POST", body, headers });
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== "unreachable" || attempt === 3) throw error;
      await new Promise((resolve) => setTimeout(resolve, 600 * attempt));
    }
  }
}

/** 128 random bits; `crypto.randomUUID` is only there over HTTPS. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
