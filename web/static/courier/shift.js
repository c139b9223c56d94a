// A courier's place of work: what is chosen once, and what became of each code since. No page, no sound.

import { Checklist, meant } from "./checklist.js";
import { NotRecordedError } from "./journal.js";
import { departure } from "./numbers.js";
import { unfit } from "./wire.js";
import { _, span } from "./words.js";

const AGAIN_WITHIN = 60_000; // later it is more likely meant than a slip
const REMEMBERED = 50;
/** Said in between of a piece, which goes nowhere by it. */
const NOT_INTO_ANYTHING = new Set(["damage", "hold", "release", "attempt", "deliver", "return"]);

/** @typedef {{kind: string, at: string, into: string, op: string}} Task what is chosen once */
/**
 * @typedef {object} Taken one code and what became of it
 * @property {string} code @property {import("./signals.js").Outcome} outcome @property {string} detail
 * @property {string[]} choices numbers between which a person has to decide
 * @property {number} wall @property {string} kind @property {[string, number] | null} id epoch and number
 */

export class Shift {
  /**
   * @param {import("./journal.js").Journal} journal @param {import("./clock.js").Clock} clock
   * @param {Task} task @param {() => Iterable<import("./checklist.js").LoadList>} lists all that are kept
   */
  constructor(journal, clock, task, lists) {
    this.journal = journal;
    this.clock = clock;
    this.task = task;
    this._lists = lists;
    /** @type {Taken[]} newest first */
    this.recent = [];
    this.beeps = 0;
    /** @type {Map<string, number>} */
    this._codes = new Map();
    /** @type {Map<string, Checklist>} */
    this._checklists = new Map();
  }

  get goesInto() {
    return NOT_INTO_ANYTHING.has(this.task.kind) ? "" : this.task.into;
  }

  /** The list that counts now: loading into a departure has one, whether it could be fetched yet or not. */
  get checklist() {
    const name = this.task.kind === "load" ? departure(this.task.into) : null;
    if (!name) return null;
    let found = this._checklists.get(name);
    if (!found) {
      found = new Checklist(name);
      for (const code of loadedBefore(this.journal, name)) found.check(code);
      this._checklists.set(name, found);
    }
    const list = [...this._lists()].find((each) => each.departure === name);
    if (list && list !== found.list) found.renew(list);
    return found;
  }

  /**
   * Journals one code and judges it. What it answers may be sounded at once: a scan that is called recorded is flushed.
   * @param {string} code @param {string} sym @param {Record<string, unknown>} [x] details of the kind
   * @returns {Promise<Taken>}
   */
  async take(code, sym, x) {
    const { kind, at, op } = this.task;
    const into = this.goesInto;
    const checklist = this.checklist;
    const scan = { code, sym, k: kind, ...this.clock.stamp(), ...filled({ op, at, in: into, x }) };
    const id = await this._record(scan);
    if (typeof id === "string") return this._note({ code, outcome: "refused", detail: id, id: null });
    const before = this._codes.get(code);
    this._codes.set(code, scan.wall);
    checklist?.check(code);
    return this._note({ code, id, ...this._judged(code, checklist, before === undefined ? null : scan.wall - before) });
  }

  /** Withdraws a scan of this phone. @param {Taken} taken @returns {Promise<boolean>} whether that is journaled */
  async takeBack(taken) {
    if (!taken.id) return false;
    const { op, at } = this.task;
    const scan = { code: taken.code, sym: "keyed", k: "void", ...this.clock.stamp(), ...filled({ op, at, x: { void: taken.id } }) };
    const id = await this._record(scan);
    if (typeof id === "string") return false;
    this.recent = this.recent.filter((each) => each !== taken);
    for (const checklist of this._checklists.values()) checklist.uncheck(taken.code);
    this._codes.delete(taken.code);
    return true;
  }

  /** @param {import("./wire.js").Scan} scan @returns {Promise<[string, number] | string>} its id, or why it is not recorded */
  async _record(scan) {
    if (unfit(scan)) return _("This code is too long to be sent.");
    try {
      const { ep, q } = await this.journal.append(scan);
      this.beeps += 1;
      return [ep, q];
    } catch (failure) {
      if (!(failure instanceof NotRecordedError)) throw failure;
      return _("This phone cannot keep it: free some space, or take another device.");
    }
  }

  /** @param {string} code @param {Checklist | null} checklist @param {number | null} ago @returns {{outcome: import("./signals.js").Outcome, detail: string, choices?: string[]}} */
  _judged(code, checklist, ago) {
    if (checklist?.list) {
      const found = meant(code, checklist.expected);
      if (found.length > 1) return { outcome: "ambiguous", detail: _("It may be either: compare the last four."), choices: found };
      if (!found.length) return { outcome: "elsewhere", detail: this._belongs(code) || _("On no list of today: keep it off, ask the lead.") };
    }
    if (ago !== null && ago < AGAIN_WITHIN) return { outcome: "again", detail: _("again: {ago} ago", { ago: span(ago) }) };
    if (checklist?.list) {
      return { outcome: "recorded", detail: _("{done} of {all}", { done: checklist.scanned.size, all: checklist.expected.size }) };
    }
    return { outcome: "recorded", detail: this._belongs(code) };
  }

  /** Where lists say a code should go; "" where none does. @param {string} code */
  _belongs(code) {
    for (const list of this._lists()) {
      const listed = new Map(list.pieces.map((piece) => [piece.number, piece]));
      if (list.departure !== this.task.into && meant(code, listed).length === 1) {
        return _("Goes with {departure} to {place}.", { departure: list.departure.split("/")[0], place: list.destination });
      }
    }
    return "";
  }

  /** @param {Omit<Taken, "wall" | "kind" | "choices"> & {choices?: string[]}} about @returns {Taken} */
  _note(about) {
    const taken = { choices: [], ...about, wall: Date.now(), kind: this.task.kind };
    this.recent = [taken, ...this.recent].slice(0, REMEMBERED);
    return taken;
  }
}

/** The codes this phone has loaded into the departure, by its journal, less those it withdrew. @param {import("./journal.js").Journal} journal @param {string} name */
function loadedBefore(journal, name) {
  /** @type {Map<string, string>} */
  const loaded = new Map();
  for (const epoch of journal.epochs) {
    for (const raw of epoch.records.values()) {
      const scan = JSON.parse(raw);
      if (scan.k === "load" && scan.in === name) loaded.set(`${epoch.ep}:${scan.q}`, scan.code);
      if (scan.k === "void" && Array.isArray(scan.x?.void)) loaded.delete(scan.x.void.join(":"));
    }
  }
  return loaded.values();
}

/** Without what is empty. @param {Record<string, unknown>} fields */
function filled(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined));
}
