/** How a job is put into words. */

export const TITLES = { queued: "Waiting", running: "Painting", succeeded: "Done", failed: "It failed", canceled: "Canceled" };

/** @param {number | null | undefined} s */
function seconds(s) {
  if (s === null || s === undefined) return "";
  return s < 90 ? `about ${Math.max(1, Math.round(s))} s` : `about ${Math.round(s / 60)} min`;
}

/** @param {any} job that waits */
export function queueWords(job) {
  const ahead = job.queue_position;
  const place = ahead > 0 ? `${ahead} ${ahead === 1 ? "job" : "jobs"} ahead` : "Next in line";
  return [place, seconds(job.progress.eta_s)].filter(Boolean).join(" · ");
}

/** @param {{step: number, steps: number, eta_s: number | null}} progress */
export function etaWords({ step, steps, eta_s }) {
  const left = seconds(eta_s);
  return [`Step ${step} of ${steps}`, left && step < steps ? `${left} left` : ""].filter(Boolean).join(" · ");
}

/** @param {any} job that is over */
export function doneWords(job) {
  if (job.error) return `${job.error.detail} (${job.error.code})`;
  if (job.state !== "succeeded") return "Nothing was kept of it.";
  const words = [`seed ${job.seed}`];
  if (job.timings) words.unshift(`${job.timings.run_s.toFixed(1)} s`);
  if (job.quality?.known_region_max_abs_diff === 0) words.push("known pixels unchanged");
  return words.join(" · ");
}
