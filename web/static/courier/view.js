// The page's elements, and what of the shift they show.

import { called } from "./kinds.js";
import { _, span, spaced, visible } from "./words.js";

const AMBER_AFTER = 30_000;
const RED_AFTER = 15 * 60_000;
const FLASH_MS = 650;

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
export function the(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/**
 * An element with text and children; text is never taken for markup.
 * @param {string} tag @param {Record<string, string>} [attributes] @param {...(Node | string)} children
 */
export function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Word and sign of each outcome. @type {Record<import("./signals.js").Outcome, [string, string]>} */
const WORDS = {
  recorded: [_("Recorded"), "✓"],
  again: [_("Recorded again"), "✓"],
  elsewhere: [_("NOT EXPECTED HERE"), "✗"],
  ambiguous: [_("Recorded: which is it?"), "?"],
  refused: [_("NOT RECORDED"), "■"],
};

let flashing = 0;

/** @param {import("./shift.js").Taken} taken @param {boolean} staysUntilTouched */
export function showVerdict(taken, staysUntilTouched) {
  const [word, sign] = WORDS[taken.outcome];
  the("verdict").dataset.outcome = taken.outcome;
  the("word").textContent = word;
  the("sign").textContent = sign;
  the("code").textContent = spaced(taken.code);
  const detail = taken.outcome === "refused" ? _("Write it down.") + " " + taken.detail : taken.detail;
  the("detail").textContent = detail;
  the("announced").textContent = `${word}. ${spaced(taken.code)}. ${detail}`;
  the("choices").replaceChildren(
    ...taken.choices.map((number) => {
      const tail = made("strong", { class: "tail" }, number.replace(/[A-Z]+$/, "").slice(-4));
      return made("li", {}, `${spaced(number)} `, tail);
    }),
  );
  the("answers").hidden = taken.outcome !== "elsewhere" || !taken.id;
  document.body.classList.add("flash");
  clearTimeout(flashing);
  if (!staysUntilTouched) flashing = setTimeout(calm, FLASH_MS);
}

/** The verdict takes its place on the page again. */
export function calm() {
  clearTimeout(flashing);
  document.body.classList.remove("flash");
  the("answers").hidden = true;
}

/** @param {import("./shift.js").Shift} shift @param {import("./link.js").Identity | null} identity */
export function showTask(shift, identity) {
  const { kind, at } = shift.task;
  const into = shift.goesInto;
  the("task-kind").textContent = called(kind);
  the("task-into").textContent = into ? `→ ${visible(into)}` : "";
  const site = identity ? identity.site.toUpperCase() : _("practice network");
  the("who").textContent = [site, at && visible(at), identity?.dev].filter(Boolean).join(" · ");
}

/** @param {import("./shift.js").Shift} shift */
export function showRecent(shift) {
  the("recent").replaceChildren(
    ...shift.recent.slice(0, 6).map((taken) => {
      const at = new Date(taken.wall).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      const bad = taken.outcome === "refused" || taken.outcome === "elsewhere";
      const [word, sign] = WORDS[taken.outcome];
      const said = [`${sign} ${word}`, called(taken.kind), taken.outcome === "recorded" ? taken.detail : ""];
      return made(
        "li",
        {},
        made("time", {}, at),
        made("span", {}, spaced(taken.code)),
        made("span", { class: bad ? "said bad" : "said" }, said.filter(Boolean).join(" · ")),
      );
    }),
  );
  the("take-back").toggleAttribute("disabled", !shift.recent.some((taken) => taken.id));
}

/** @param {import("./checklist.js").Checklist | null} checklist */
export function showList(checklist) {
  the("list").hidden = !checklist;
  if (!checklist) return;
  if (!checklist.list) {
    the("list-count").textContent = _("{count} loaded; no list yet", { count: checklist.loaded });
    the("list-age").textContent = "";
    the("list-rest").replaceChildren();
    delete the("list-rest").dataset.drawn;
    return;
  }
  const { missing } = checklist;
  the("list-count").textContent = _("{done} of {all}, missing {missing}, surplus {surplus}", {
    done: checklist.scanned.size,
    all: checklist.expected.size,
    missing: missing.length,
    surplus: checklist.surplus.size,
  });
  the("list-age").textContent = _("list {age} old", { age: span(Date.now() - checklist.list.fetched) });
  const part = (/** @type {string} */ title, /** @type {string[]} */ lines) =>
    lines.length ? [made("h3", {}, title), made("ul", {}, ...lines.map((line) => made("li", {}, line)))] : [];
  const drawn = [...missing.map((piece) => piece.number), "", ...checklist.surplus].join(" ");
  if (the("list-rest").dataset.drawn === drawn) return; // each second: what somebody reads or marks stays
  the("list-rest").dataset.drawn = drawn;
  the("list-rest").replaceChildren(
    ...part(_("Missing"), missing.map((piece) => `${spaced(piece.number)} · ${piece.destination}`)),
    ...part(_("Surplus"), [...checklist.surplus].map(spaced)),
  );
}

/**
 * What waits for the tracker's receipt, and for how long.
 * @param {{waiting: number, oldest: number | null, files: number, aside: number, way: import("./link.js").Way, practice: boolean}} now
 */
export function showSending({ waiting, oldest, files, aside, way, practice }) {
  const line = the("sending");
  const age = oldest === null ? 0 : Date.now() - oldest;
  line.dataset.late = !waiting || practice || age < AMBER_AFTER ? "" : age < RED_AFTER ? "amber" : "red";
  const how = {
    off: _("off line"),
    mqtt: _("on line"),
    post: _("on line"),
    refused: _("NOT LET IN: ask the station"),
  }[way];
  const words = waiting ? _("{count} waiting, oldest {age}", { count: waiting, age: span(age) }) : _("nothing waits");
  line.dataset.way = way;
  const pictures = files ? [_("{count} pictures to bring", { count: files })] : [];
  const kept = aside ? [_("{count} put aside for staff", { count: aside })] : [];
  const text = practice ? _("Practice: nothing is sent.") : [words, ...pictures, ...kept, how].join(" · ");
  if (line.textContent !== text) line.textContent = text;
}

/** Frames around what is read. @param {import("./sight.js").Read[]} reads @param {{width: number, height: number}} size */
export function showBoxes(reads, size) {
  const boxes = the("boxes");
  boxes.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  boxes.setAttribute("preserveAspectRatio", "xMidYMid slice");
  boxes.replaceChildren(
    ...reads.map((read) => {
      const polygon = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
      polygon.setAttribute("points", (read.box ?? []).map(({ x, y }) => `${x},${y}`).join(" "));
      return polygon;
    }),
  );
}
