/** Puts the page together: the picture, the settings, the job that is shown, the shelf. Its address says which job. */
import { listenForCurl } from "./curl.js";
import { Desk } from "./desk.js";
import { byId, say } from "./dom.js";
import { Editor } from "./editor.js";
import { givenPicture } from "./given.js";
import { JobView } from "./job_view.js";
import { listenForKey } from "./key.js";
import { keep } from "./memory.js";
import { Panel } from "./panel.js";
import { listen } from "./picture.js";
import { Problem, submit } from "./service.js";
import { Shelf } from "./shelf.js";
import { Status } from "./status.js";

const EXAMPLE = new URL("../pictures/example.png", import.meta.url);
const EXAMPLE_PROMPT = "a red butterfly with yellow details on a cream background";

/** @type {Editor | undefined} */
let made;
const panel = new Panel(() => made?.draw());
const editor = (made = new Editor(panel));
const desk = new Desk(panel, editor);
const view = new JobView({
  onChange: () => shelf.draw(),
  onOpen: (job, source) => desk.open(job, source),
  onLeave: () => (show(""), editor.focus()),
  wayBack: () => editor.wayBack,
});
const shelf = new Shelf(bring, (id) => id === view.id && show(""));
const status = new Status((models) => panel.offer(models));

/** @param {string} id the job to show; empty for the picture */
function show(id) {
  const address = id ? `#job=${id}` : location.pathname + location.search;
  if (location.hash !== (id ? address : "")) history.pushState(null, "", address);
  route(false);
}

/** @param {string} id the job to show, and to scroll and move the focus to */
function bring(id) {
  show(id);
  const { top } = byId("stage").getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) byId("work").scrollIntoView({ block: "start", behavior: "smooth" }); // not in sight
  view.focus();
}

/** Shows what the address says. @param {boolean} back whether a job gives way to what was worked on before it was opened */
function route(back) {
  const id = /^#job=([0-9a-zA-Z_-]+)$/.exec(location.hash)?.[1] ?? "";
  byId("edit").hidden = Boolean(id);
  byId("job").hidden = !id;
  say(byId("picture-problem"));
  shelf.mark(id);
  if (id && id !== view.id) view.open(id);
  if (!id) {
    view.leave();
    desk.leave(back);
    editor.draw();
  }
}

/** @param {Blob} blob @param {string} name @param {boolean} own */
async function take(blob, name, own) {
  const from = /** @type {HTMLElement} */ (document.activeElement);
  const fromHere = byId("edit").contains(from);
  show("");
  try {
    await desk.put({ blob, name, own, strokes: [] });
  } catch (error) {
    say(byId("picture-problem"), /** @type {Error} */ (error).message);
  }
  if (fromHere && !from.offsetParent) editor.focus(); // its button is gone
}

async function takeExample() {
  try {
    await take(await (await fetch(EXAMPLE)).blob(), "example.png", false);
  } catch {
    return say(byId("picture-problem"), "The example cannot be loaded now.");
  }
  if (!panel.value("prompt")) panel.set("prompt", EXAMPLE_PROMPT);
}

/** @param {SubmitEvent} event */
async function paint(event) {
  event.preventDefault();
  await view.opened;
  const button = byId("paint");
  if (button.disabled) return;
  panel.clearProblems();
  if (!panel.check()) return;
  if (editor.lacksMask) {
    show("");
    return editor.askForMask();
  }
  button.disabled = true;
  button.textContent = "Sending …";
  try {
    const given = await givenPicture(editor);
    const source = desk.sourceToKeep();
    const job = await submit(await desk.parts());
    await keep({ id: job.id, task: job.task, prompt: panel.value("prompt"), sent: Date.now(), state: job.state, given, thumb: null, source });
    desk.sent(job.id);
    bring(job.id);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // What is wrong with the picture is said beside it.
    if (error.complaints.some(({ pointer }) => ["/image", "/mask", "/reference"].includes(pointer))) show("");
    if (error.status === 401) byId("key").focus();
    else panel.show(error);
  } finally {
    button.disabled = false;
    button.textContent = "Paint";
  }
}

byId("panel").addEventListener("submit", paint);
byId("panel").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("panel").requestSubmit();
});
byId("example").addEventListener("click", takeExample);
listen(take);
listenForCurl(async () => {
  await view.opened;
  return desk.partsToCopy();
});
listenForKey(() => {
  status.look();
  route(false);
});
window.addEventListener("popstate", () => route(true));
window.addEventListener("hashchange", () => route(true));

shelf.draw();
status.look();
route(true);
