// What is asked of a person, each in a dialog of its own: answers when it is closed.

import { endingIn } from "./checklist.js";
import { called, REASONS, STAYS, TAKERS } from "./kinds.js";
import { judge } from "./numbers.js";
import { the, made } from "./view.js";
import { _, spaced } from "./words.js";

/** @template {HTMLElement} [T=HTMLInputElement] @param {string} id */
const field = (id) => /** @type {T} */ (/** @type {unknown} */ (the(id)));

/** Whether one is open: codes that are seen meanwhile are not for the shift. */
export function isOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** @param {string} id @returns {Promise<string>} the value of the button that closed it; "" for the way back */
function ask(id) {
  const dialog = field.call(null, id);
  const box = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (dialog));
  box.returnValue = "";
  box.showModal();
  return new Promise((resolve) => box.addEventListener("close", () => resolve(box.returnValue), { once: true }));
}

/** @param {string} value @param {string} words */
const option = (value, words) => made("option", { value }, words);

/**
 * @param {import("./shift.js").Task} task @param {string[]} kinds @param {import("./shelf.js").Work | null} work
 * @returns {Promise<import("./shift.js").Task>}
 */
export async function askTask(task, kinds, work) {
  the("kind").replaceChildren(...[...new Set([...kinds, task.kind])].filter((kind) => kind !== "void").map((kind) => option(kind, called(kind))));
  const leaving = work?.runs.filter((run) => run.origin === work.facility && !run.left) ?? [];
  the("departures").replaceChildren(...leaving.map((run) => option(run.departure, `→ ${run.destination} ${clock(run.leaves_at)}`)));
  field("kind").value = task.kind;
  field("into").value = task.into;
  field("at").value = task.at;
  field("op").value = task.op;
  await ask("task-dialog");
  const said = (/** @type {string} */ id) => field(id).value.trim();
  return { kind: said("kind"), into: said("into"), at: said("at"), op: said("op") };
}

/** A code scanned while the task is asked for: into the field that waits for it. @param {string} code */
export function fillTask(code) {
  const waiting = document.activeElement?.id === "at" || (field("into").value && !field("at").value) ? "at" : "into";
  field(waiting).value = code.trim();
}

/**
 * A number by hand, judged at each key; a form we do not know, or a wrong check digit, is asked about once.
 * @param {Map<string, import("./checklist.js").Listed>} listed @returns {Promise<string>} "" for none
 */
export async function askNumber(listed) {
  const typed = field("typed");
  typed.value = "";
  let sure = "";
  const judged = () => {
    const verdict = judge(typed.value);
    const ends = typed.value ? endingIn(typed.value, listed).slice(0, 4) : [];
    const words = {
      empty: "",
      unfinished: _("{count} more", { count: verdict.more }),
      good: _("Looks right"),
      wrong: _("Check digit does not agree: look again"),
      unknown: _("No number we know"),
    }[verdict.look];
    the("typed-verdict").dataset.look = verdict.look;
    the("typed-verdict").textContent = words;
    the("typed-choices").replaceChildren(
      ...ends.map((number) => {
        const choice = made("button", { type: "button", class: "plain" }, spaced(number));
        choice.addEventListener("click", () => {
          typed.value = number;
          judged();
          typed.focus();
        });
        return made("li", {}, choice);
      }),
    );
    return verdict;
  };
  const submit = (/** @type {Event} */ event) => {
    if (/** @type {SubmitEvent} */ (event).submitter?.getAttribute("value") !== "ok" || judge(typed.value).look === "good") return;
    if (sure === typed.value && typed.value.trim()) return;
    event.preventDefault();
    sure = typed.value;
    if (typed.value.trim()) the("typed-verdict").textContent += " · " + _("Record again to keep it as it stands");
  };
  const form = /** @type {HTMLFormElement} */ (typed.form);
  typed.oninput = judged;
  form.addEventListener("submit", submit);
  judged();
  const answer = await ask("typing");
  form.removeEventListener("submit", submit);
  return answer === "ok" ? (judge(typed.value).look === "good" ? typed.value.replace(/[\s-]/g, "").toUpperCase() : typed.value.trim()) : "";
}

/** One of a few, by one tap. @param {string} title @param {string} code @param {Record<string, string>} words */
async function askOne(title, code, words) {
  the("reasons-title").textContent = title;
  the("reasons-code").textContent = spaced(code);
  the("reasons-list").replaceChildren(...Object.entries(words).map(([value, said]) => made("button", { class: "big plain", value }, said)));
  return ask("reasons");
}

/** @param {string} kind @param {string} code @returns {Promise<Record<string, unknown> | null>} */
export async function askReason(kind, code) {
  const { field: name, words } = REASONS[kind];
  const reason = await askOne(called(kind), code, words);
  return reason ? { [name]: reason } : null;
}

/** @param {string} code @returns {Promise<string>} why it goes with us all the same */
export async function askWhyItStays(code) {
  return askOne(_("It goes with us"), code, STAYS);
}

/**
 * Who took it, and what shows it.
 * @param {string} code @param {() => Promise<Blob | null>} picture of what the camera sees @param {boolean} hasCamera
 * @returns {Promise<{x: Record<string, unknown>, files: Blob[]} | null>}
 */
export async function askProof(code, picture, hasCamera) {
  the("proof-code").textContent = spaced(code);
  the("proof-to").replaceChildren(...Object.entries(TAKERS).map(([value, words]) => option(value, words)));
  the("proof-kept").textContent = "";
  the("proof-picture").hidden = !hasCamera;
  field("proof-name").value = "";
  const signature = new Signature(field("signature"));
  the("signature-clear").onclick = () => signature.clear();
  /** @type {Blob | null} */
  let kept = null;
  the("proof-picture").onclick = async () => {
    kept = await picture();
    the("proof-kept").textContent = kept ? _("Picture kept") : "";
  };
  if ((await ask("proof")) !== "ok") return null;
  const files = [await signature.drawn(), kept].filter((each) => each !== null);
  const name = field("proof-name").value.trim();
  return { x: { to: field("proof-to").value, ...(name ? { name } : {}) }, files };
}

class Signature {
  /** @param {any} canvas */
  constructor(canvas) {
    this._canvas = /** @type {HTMLCanvasElement} */ (canvas);
    this._pen = /** @type {CanvasRenderingContext2D} */ (this._canvas.getContext("2d"));
    this._strokes = 0;
    this.clear();
    this._canvas.onpointerdown = (event) => {
      this._canvas.setPointerCapture(event.pointerId);
      this._pen.beginPath();
      this._pen.moveTo(...this._at(event));
    };
    this._canvas.onpointermove = (event) => {
      if (!this._canvas.hasPointerCapture(event.pointerId)) return;
      this._pen.lineTo(...this._at(event));
      this._pen.stroke();
      this._strokes += 1;
    };
  }

  clear() {
    this._pen.fillStyle = "#fff";
    this._pen.fillRect(0, 0, this._canvas.width, this._canvas.height);
    this._pen.lineWidth = 5;
    this._pen.lineCap = "round";
    this._strokes = 0;
  }

  /** @returns {Promise<Blob | null>} a PNG; null where nobody signed */
  drawn() {
    return this._strokes ? new Promise((resolve) => this._canvas.toBlob(resolve, "image/png")) : Promise.resolve(null);
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  _at(event) {
    const box = this._canvas.getBoundingClientRect();
    return [((event.clientX - box.x) / box.width) * this._canvas.width, ((event.clientY - box.y) / box.height) * this._canvas.height];
  }
}

/** The day's stops and departures. @param {import("./shelf.js").Work | null} work */
export async function showWork(work) {
  const stops = work?.stops ?? [];
  const next = stops.find((stop) => !stop.attempted);
  the("next-stop").replaceChildren(...(next ? nextStop(next) : []));
  the("stops").replaceChildren(
    ...(stops.length
      ? stops.map((stop) => made("li", {}, [spaced(stop.number), door(stop), ...(stop.attempted ? [_("tried")] : []), ...wished(stop)].join(" · ")))
      : [made("li", {}, _("None: what you scan onto the van stands here."))]),
  );
  const runs = work?.runs ?? [];
  the("runs").replaceChildren(
    ...(runs.length
      ? runs.map((run) => made("li", {}, [`${clock(run.leaves_at)} ${run.departure.split("/")[0]}`, `${run.origin} → ${run.destination} ${clock(run.arrives_at)}`, ...(run.left ? [_("has left")] : [])].join(" · ")))
      : [made("li", {}, _("None in the next hours, as far as this phone knows."))]),
  );
  await ask("work-dialog");
}

/** @param {import("./shelf.js").Stop} stop */
function nextStop(stop) {
  const way = made("a", { class: "button big", href: `geo:0,0?q=${encodeURIComponent(door(stop))}` }, _("Take me there"));
  return [made("h3", {}, _("Next stop")), made("p", {}, stop.name), made("p", {}, door(stop)), ...wished(stop).map((wish) => made("p", {}, wish)), made("p", { class: "code" }, spaced(stop.number)), way];
}

/** What whoever it is for asked for and was granted. @param {import("./shelf.js").Stop} stop */
function wished(stop) {
  const words = { safe_place: _("Leave it in a safe place"), neighbour: _("Give it to a neighbour") }[stop.wish];
  return words ? [`${words}: ${stop.note}`] : [];
}

/** @param {import("./shelf.js").Stop} stop */
function door(stop) {
  return [...stop.lines, stop.postcode, stop.city, stop.country].filter(Boolean).join(", ");
}

/** Hour and minute on this phone's clock. @param {string} instant */
function clock(instant) {
  return new Date(instant).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/**
 * What was handed over, for both sides to look at.
 * @param {import("./checklist.js").Checklist} checklist @param {string} who @param {number} waiting scans not yet receipted
 */
export async function showReceipt(checklist, who, waiting) {
  const facts = {
    [_("Departure")]: checklist.departure,
    [_("Pieces")]: `${checklist.loaded}`,
    [_("Missing")]: checklist.missing.map((piece) => spaced(piece.number)).join(", ") || _("none"),
    [_("Surplus")]: [...checklist.surplus].map(spaced).join(", ") || _("none"),
    [_("At")]: new Date().toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }),
    [_("By")]: who,
    [_("With the tracker")]: waiting ? _("{count} still wait on this phone", { count: waiting }) : _("all of it"),
  };
  the("receipt-facts").replaceChildren(...Object.entries(facts).flatMap(([name, fact]) => [made("dt", {}, name), made("dd", {}, fact)]));
  const text = Object.entries(facts).map(([name, fact]) => `${name}: ${fact}`).join("\n");
  the("receipt-share").hidden = !navigator.share;
  the("receipt-share").onclick = () => void navigator.share({ title: _("Hand-over receipt"), text }).catch(() => undefined);
  await ask("receipt");
}
