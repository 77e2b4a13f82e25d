/**
 * The jobs that this browser has sent, kept in IndexedDB: ids, what they were made of and small pictures, no results. Where a browser keeps
 * nothing (private windows of some), the page works without: it forgets on reload.
 *
 * @typedef {object} Kept
 * @property {string} id
 * @property {string} task
 * @property {string} prompt
 * @property {number} sent ms since 1970
 * @property {string} state as last heard
 * @property {Blob | null} given what the result is compared with
 * @property {Blob | null} thumb
 * @property {import("./desk.js").Source | null} [source] what it was made of
 */
import { BASE } from "./service.js";

const NEWEST = 30;
/** One for each service that shares this origin. */
const DATABASE = `inlay ${BASE.pathname}`;

/** @type {Promise<IDBDatabase> | undefined} */
let opened;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("jobs", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * One request in a transaction of its own; undefined where nothing can be kept.
 * @param {IDBTransactionMode} mode
 * @param {(jobs: IDBObjectStore) => IDBRequest} what
 * @returns {Promise<any>}
 */
async function act(mode, what) {
  try {
    const database = await open();
    return await new Promise((resolve, reject) => {
      const request = what(database.transaction("jobs", mode).objectStore("jobs"));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } catch (error) {
    console.info("History is not kept:", error);
    return undefined;
  }
}

/** @param {Kept} job also in the place of what was kept under its id; the oldest beyond 30 go */
export async function keep(job) {
  await act("readwrite", (jobs) => jobs.put(job));
  for (const old of (await all()).slice(NEWEST)) await forget(old.id);
}

/** @param {string} id @param {Partial<Kept>} changes */
export async function change(id, changes) {
  const job = await recall(id);
  if (job) await act("readwrite", (jobs) => jobs.put({ ...job, ...changes }));
}

/** @param {string} id @returns {Promise<Kept | undefined>} */
export const recall = (id) => act("readonly", (jobs) => jobs.get(id));

/** @param {string} id */
export const forget = (id) => act("readwrite", (jobs) => jobs.delete(id));

export const forgetAll = () => act("readwrite", (jobs) => jobs.clear());

/** Newest first. @returns {Promise<Kept[]>} */
export async function all() {
  const jobs = /** @type {Kept[]} */ ((await act("readonly", (store) => store.getAll())) ?? []);
  return jobs.sort((one, other) => other.sent - one.sent);
}
