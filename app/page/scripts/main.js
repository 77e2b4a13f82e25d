/** Puts the page together: the picture, the settings, the job that is shown, the shelf. Its address says which job. */
import { listenForCurl } from "./curl.js";
import { byId, say } from "./dom.js";
import { Editor } from "./editor.js";
import { givenPicture } from "./given.js";
import { JobView } from "./job_view.js";
import { listenForKey } from "./key.js";
import { keep } from "./memory.js";
import { Panel } from "./panel.js";
import { listen, readPicture } from "./picture.js";
import { Problem, submit } from "./service.js";
import { Shelf } from "./shelf.js";
import { Status } from "./status.js";

const EXAMPLE = new URL("../pictures/example.png", import.meta.url);
const EXAMPLE_PROMPT = "a red butterfly with yellow details on a cream background";

/** @type {Editor | undefined} */
let made;
const panel = new Panel(() => made?.draw());
const editor = (made = new Editor(panel));
const view = new JobView({ onChange: () => shelf.draw(), onLeave: () => show("") });
const shelf = new Shelf(show, (id) => id === view.id && show(""));
const status = new Status((models) => panel.offer(models));

/** @param {string} id the job to show; empty for the picture */
function show(id) {
  const address = id ? `#job=${id}` : location.pathname + location.search;
  if (location.hash !== (id ? address : "")) history.pushState(null, "", address);
  route();
}

/** Shows what the address says. */
function route() {
  const id = /^#job=([0-9a-zA-Z_-]+)$/.exec(location.hash)?.[1] ?? "";
  byId("edit").hidden = Boolean(id);
  byId("job").hidden = !id;
  say(byId("picture-problem"));
  shelf.mark(id);
  if (id && id !== view.id) view.open(id);
  if (!id) {
    view.leave();
    editor.draw();
  }
}

/** @param {Blob} blob @param {string} name @param {boolean} own */
async function take(blob, name, own) {
  show("");
  try {
    editor.put(await readPicture(blob, name, own));
  } catch (error) {
    say(byId("picture-problem"), /** @type {Error} */ (error).message);
  }
}

async function takeExample() {
  try {
    await take(await (await fetch(EXAMPLE)).blob(), "example.png", false);
  } catch {
    return say(byId("picture-problem"), "The example cannot be loaded now.");
  }
  if (!panel.value("prompt")) panel.set("prompt", EXAMPLE_PROMPT);
}

const parts = async () => ({ fields: panel.fields(), files: await editor.files() });

/** @param {SubmitEvent} event */
async function paint(event) {
  event.preventDefault();
  const button = byId("paint");
  if (button.disabled) return;
  panel.clearProblems();
  button.disabled = true;
  button.textContent = "Sending …";
  try {
    const given = await givenPicture(editor);
    const job = await submit(await parts());
    await keep({ id: job.id, task: job.task, prompt: panel.value("prompt"), sent: Date.now(), state: job.state, given, thumb: null });
    show(job.id);
    byId("stage").scrollIntoView({ block: "start", behavior: "smooth" });
    view.title?.focus({ preventScroll: true });
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
listenForCurl(parts);
listenForKey(() => {
  status.look();
  route();
});
window.addEventListener("popstate", route);
window.addEventListener("hashchange", route);

shelf.draw();
status.look();
route();
