// The courier's page, put together: who this phone is, what it scans, and what of it is shown (docs/phone.md).

import { Camera } from "./camera.js";
import { Clock } from "./clock.js";
import * as dialogs from "./dialogs.js";
import { Handheld } from "./handheld.js";
import { invitation, known, NotInvitedError, OtherDeviceError, pair } from "./identity.js";
import { asked, done, Journal } from "./journal.js";
import { REASONS, USUAL } from "./kinds.js";
import { Link } from "./link.js";
import { departure } from "./numbers.js";
import { PRACTICE_LIST } from "./practice.js";
import { Proofs } from "./proofs.js";
import { Shelf } from "./shelf.js";
import { Shift } from "./shift.js";
import { Sight } from "./sight.js";
import { signal, unlock } from "./signals.js";
import { calm, showBoxes, showList, showRecent, showSending, showTask, showVerdict, the } from "./view.js";
import { _ } from "./words.js";
import { listen } from "./wedge.js";

const READABLE = ["code128", "gs1-128", "itf", "datamatrix", "qr"];
const isPractice = new URLSearchParams(location.search).has("practice");
const invited = invitation();

/** @type {{handheld: Handheld, shift: Shift, shelf: Shelf, proofs: Proofs, link: Link | null, identity: import("./link.js").Identity | null} | null} */
let at = null;

rememberLanguage();
installShell();
the("elsewhere").hidden = false;
// Held for as long as the tab lives: the next one waits here until this one is gone.
await new Promise((/** @type {(value?: unknown) => void} */ owned) => {
  void navigator.locks.request(isPractice ? "practice" : "journal", () => new Promise(() => owned()));
});
the("elsewhere").hidden = true;

const journal = await Journal.open(isPractice ? "lastscan-practice" : "lastscan");
const clock = new Clock(journal.boot);
const identity = isPractice ? null : await known(journal.db);
if (isPractice || (identity && !invited)) await begin(identity);
else welcome();

/** A phone that is no device yet, or is asked to become one. */
function welcome() {
  the("welcome").hidden = false;
  the("pair").hidden = !invited;
  if (!invited) return;
  the("welcome-title").textContent = _("Make this phone {dev}", { dev: invited.dev });
  the("welcome-words").textContent = _("It then scans for your station until somebody else takes its place.");
  the("pair").onclick = async () => {
    const handheld = new Handheld(journal, clock);
    the("pair").toggleAttribute("disabled", true);
    try {
      const paired = await pair(invited, journal, handheld.waiting);
      the("welcome").hidden = true;
      await begin(paired);
    } catch (wrong) {
      the("pair").toggleAttribute("disabled", false);
      the("welcome-wrong").textContent =
        wrong instanceof NotInvitedError
          ? _("This code was used already, or it is too old. Ask the station for a new one.")
          : wrong instanceof OtherDeviceError
            ? _("Scans of {dev} still wait on this phone. Bring it on line as that one first.", { dev: wrong.message })
            : _("The station cannot be reached. Try again when there is a network.");
    }
  };
}

/** The shift begins. @param {import("./link.js").Identity | null} identity null: for practice */
async function begin(identity) {
  const handheld = new Handheld(journal, clock);
  const shelf = new Shelf(journal.db, identity, refresh);
  const task = (await asked(journal.db.transaction("meta").objectStore("meta").get("task"))) ?? { kind: "sort", at: "", into: "", op: "" };
  if (isPractice) shelf.lists.set(PRACTICE_LIST.departure, { ...PRACTICE_LIST, fetched: Date.now() });
  const shift = new Shift(journal, clock, task, () => shelf.lists.values());
  const link = identity ? new Link(handheld, identity, document.body.dataset.broker ?? "", refresh) : null;
  const proofs = new Proofs(journal.db, identity, refresh);
  at = { handheld, shift, shelf, proofs, link, identity };
  for (const id of ["shift", "task", "foot"]) the(id).hidden = false;
  the("practice").hidden = !isPractice;
  link?.start();
  await shelf.open();
  shelf.want(departure(task.into) ?? "");
  void proofs.send();
  watchBattery(handheld);
  if (identity && !((await navigator.storage?.persisted?.()) ?? true)) {
    the("trouble").textContent = _("Install this page on the home screen, or the browser may forget scans that wait.");
    the("trouble").hidden = false;
  }
  setInterval(refresh, 1000);
  refresh();
}

function refresh() {
  if (!at) return;
  const { shift, handheld, link, proofs, identity } = at;
  showTask(shift, identity);
  showList(shift.checklist);
  showSending({ waiting: handheld.waiting, oldest: handheld.oldest, files: proofs.waiting, aside: handheld.nacked.length, way: link?.way ?? "off", practice: isPractice });
}

// --- scanning ---

for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, unlock, { once: true });

const sight = new Sight();
/** @type {Camera | null} */
let camera = null;

the("start").onclick = async () => {
  const symbologies = () => at?.handheld.config?.symbologies ?? READABLE;
  camera ??= new Camera(/** @type {HTMLVideoElement} */ (the("video")), saw, lost, symbologies);
  try {
    await camera.start();
  } catch (wrong) {
    const denied = wrong instanceof DOMException && wrong.name === "NotAllowedError";
    the("trouble").textContent = denied
      ? _("The camera is not allowed: allow it in the browser's settings for this page, or type numbers.")
      : _("No camera can be opened: type numbers, or connect a scanner.");
    the("trouble").hidden = false;
    return;
  }
  the("start").hidden = true;
  the("again").hidden = false;
  const { torch, zoom } = camera.abilities;
  the("torch").hidden = !torch;
  the("zoom-field").hidden = !zoom;
  if (zoom) Object.assign(the("zoom"), { min: zoom.min, max: zoom.max, step: zoom.step || 0.1, value: zoom.min });
  void stayAwake();
};

/** @param {import("./sight.js").Read[]} reads @param {number} ms @param {{width: number, height: number}} size */
function saw(reads, ms, size) {
  the("video").dataset.ms = String(Math.round(ms));
  showBoxes(reads, size);
  // Looked at while a question is open too: what stays in view until it is answered is no new scan then.
  const fresh = sight.look(reads, performance.now(), at?.handheld.config?.lengths);
  if (document.querySelector("dialog[open]:not(#task-dialog)")) return;
  for (const { text, sym } of fresh) void take(text, sym);
}

/** Another program took the camera, or the phone did. */
function lost() {
  camera?.stop();
  for (const id of ["again", "torch", "zoom-field"]) the(id).hidden = true;
  the("start").hidden = false;
}

/** One code, from whatever read it. @param {string} code @param {string} sym @param {Record<string, unknown>} [x] */
async function take(code, sym, x) {
  if (!at) return;
  const { shift, link, proofs } = at;
  if (/** @type {HTMLDialogElement} */ (the("task-dialog")).open) return dialogs.fillTask(code);
  if (dialogs.isOpen()) return;
  const { kind } = shift.task;
  const run = departure(code);
  if (kind === "load" && run) return setTask({ ...shift.task, into: run });
  if (!x && REASONS[kind]) {
    const said = await dialogs.askReason(kind, code);
    if (!said) return;
    x = said;
  } else if (!x && kind === "deliver") {
    const said = await dialogs.askProof(code, () => camera?.picture() ?? Promise.resolve(null), camera?.isOn ?? false);
    if (!said) return;
    const files = await Promise.all(said.files.map((file) => proofs.keep(file))).catch(() => []);
    x = files.length ? { ...said.x, files } : said.x;
  }
  const taken = await shift.take(code, sym, x);
  signal(taken.outcome);
  document.dispatchEvent(new CustomEvent("beep", { detail: taken }));
  link?.wake();
  if (isPractice && taken.id) at.handheld.journal.receipted(journal.current, { upto: taken.id[1], gen: 0, at: clock.stamp() });
  showVerdict(taken, !["recorded", "again"].includes(taken.outcome));
  showRecent(shift);
  refresh();
  if (x?.files) void proofs.send();
}

the("verdict").onclick = (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("button")) calm();
};
the("take-off").onclick = async () => {
  const last = at?.shift.recent[0];
  calm();
  if (at && last) await withdraw(last);
};
the("it-stays").onclick = async () => {
  const last = at?.shift.recent[0];
  calm();
  if (!at || !last) return;
  const why = await dialogs.askWhyItStays(last.code);
  if (why) await take(last.code, "keyed", { note: why });
  calm();
};
the("again").onclick = () => sight.forget();

/** @param {import("./shift.js").Taken} taken */
async function withdraw(taken) {
  if (!at || !(await at.shift.takeBack(taken))) return;
  at.link?.wake();
  the("verdict").dataset.outcome = "";
  the("sign").textContent = "";
  the("word").textContent = _("Taken back");
  the("detail").textContent = "";
  the("announced").textContent = _("Taken back");
  showRecent(at.shift);
  refresh();
}

listen((code, sym) => {
  const typed = /** @type {HTMLDialogElement} */ (the("typing"));
  if (typed.open) typed.close("");
  if (!dialogs.isOpen() || /** @type {HTMLDialogElement} */ (the("task-dialog")).open) void take(code, sym);
});

// --- what is chosen ---

/** @param {import("./shift.js").Task} task */
async function setTask(task) {
  if (!at) return;
  at.shift.task = { ...task, into: departure(task.into) ?? task.into };
  at.shelf.want(departure(task.into) ?? "");
  refresh();
  const tx = journal.db.transaction("meta", "readwrite");
  tx.objectStore("meta").put(at.shift.task, "task");
  await done(tx);
}

the("task").onclick = async () => {
  if (at) await setTask(await dialogs.askTask(at.shift.task, at.handheld.config?.kinds ?? USUAL, at.shelf.work));
};
the("type").onclick = async () => {
  const listed = at?.shift.checklist?.expected ?? new Map();
  const code = await dialogs.askNumber(listed);
  if (code) await take(code, "keyed");
};
the("work").onclick = () => void dialogs.showWork(at?.shelf.work ?? null);
the("take-back").onclick = () => {
  const last = at?.shift.recent.find((taken) => taken.id);
  if (last) void withdraw(last);
};
the("hand-over").onclick = () => {
  const checklist = at?.shift.checklist;
  if (at && checklist) void dialogs.showReceipt(checklist, at.identity?.dev ?? _("PRACTICE"), at.handheld.waiting);
};
the("torch").onclick = async () => {
  const lit = the("torch").getAttribute("aria-pressed") !== "true";
  await camera?.set({ torch: lit });
  the("torch").setAttribute("aria-pressed", String(lit));
};
the("zoom").oninput = () => void camera?.set({ zoom: Number(/** @type {HTMLInputElement} */ (the("zoom")).value) });

// --- the phone ---

async function stayAwake() {
  const locks = /** @type {any} */ (navigator).wakeLock;
  if (!locks) return;
  const hold = () => locks.request("screen").catch(() => undefined);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && camera?.isOn) void hold();
  });
  await hold();
}

/** @param {Handheld} handheld */
function watchBattery(handheld) {
  const asking = /** @type {any} */ (navigator).getBattery?.();
  asking?.then((/** @type {any} */ battery) => {
    const read = () => (handheld.battery = battery.level);
    battery.addEventListener("levelchange", read);
    read();
  }, () => undefined);
}

/** The page kept on the phone speaks one language; whoever chose another has it again at the next start. */
function rememberLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked) localStorage.setItem("lang", asked);
  const liked = localStorage.getItem("lang");
  if (!asked && liked && liked !== document.documentElement.lang) {
    const search = new URLSearchParams(location.search);
    search.set("lang", liked);
    if (invited) location.hash = `#pair=${invited.dev}:${invited.token}`;
    location.replace(`?${search}${location.hash}`);
  }
}

/** Without a network the page comes from the phone. A newer one takes over at a start, never during a shift. */
function installShell() {
  const shells = navigator.serviceWorker;
  void shells?.register("/courier/worker.js", { scope: "/courier/" }).then((shell) => {
    if (!shell?.waiting || invited) return; // an invitation would be lost with the page
    shells.addEventListener("controllerchange", () => location.reload(), { once: true });
    shell.waiting.postMessage("take over");
  }, () => undefined);
}
