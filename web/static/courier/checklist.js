// Load lists: what departures should carry, held against what was scanned. The same sums as scanner/load_list.py:
// scans and lists may come in any order and any number of times.

import { bare, departure, linked, sscc } from "./numbers.js";

/** @typedef {{number: string, destination: string, rank?: number}} Listed */
/** @typedef {{departure: string, origin: string, destination: string, departs_at: string, as_of: string, pieces: Listed[], fetched: number}} LoadList */

/** Which listed numbers a code may mean: one as a rule, two where a person has to look. @param {string} code @param {Map<string, Listed>} listed */
export function meant(code, listed) {
  const plain = bare(code);
  for (const name of [code.trim(), plain, linked(code), sscc(plain)]) {
    if (name && listed.has(name)) return [name];
  }
  // A carrier's long form holds the short one.
  return plain.length > 10 ? [...listed.keys()].filter((number) => number.length >= 10 && plain.includes(number)) : [];
}

/** Listed numbers that end in what was typed. @param {string} typed @param {Map<string, Listed>} listed */
export function endingIn(typed, listed) {
  const tail = bare(typed);
  if (tail.length < 4) return [];
  const ends = (/** @type {string} */ number) => number.endsWith(tail) || number.replace(/[A-Z]+$/, "").endsWith(tail);
  return [...listed.keys()].filter(ends);
}

/** One departure's list held against the codes loaded into it. */
export class Checklist {
  /** @param {string} departure */
  constructor(departure) {
    this.departure = departure;
    /** @type {LoadList | null} */
    this.list = null;
    /** @type {Map<string, Listed>} */
    this.expected = new Map();
    /** @type {Set<string>} */
    this._codes = new Set();
    /** @type {Set<string>} */
    this.scanned = new Set();
    /** @type {Set<string>} */
    this.surplus = new Set();
  }

  /** A newer list: everything scanned so far is held against it. @param {LoadList} list */
  renew(list) {
    this.list = list;
    this.expected = new Map(list.pieces.map((piece) => [piece.number, piece]));
    this._reconcile();
  }

  /** @param {string} code */
  check(code) {
    if (departure(code)) return;
    this._codes.add(code);
    this._tick(code);
  }

  /** Its scan was withdrawn. @param {string} code */
  uncheck(code) {
    if (this._codes.delete(code)) this._reconcile();
  }

  /** @returns {Listed[]} */
  get missing() {
    return [...this.expected.values()].filter((piece) => !this.scanned.has(piece.number));
  }

  /** Different pieces loaded, listed or not. */
  get loaded() {
    return this.list ? this.scanned.size + this.surplus.size : this._codes.size;
  }

  _reconcile() {
    this.scanned.clear();
    this.surplus.clear();
    for (const code of this._codes) this._tick(code);
  }

  /** @param {string} code */
  _tick(code) {
    if (!this.list) return;
    const found = meant(code, this.expected);
    if (found.length === 1) this.scanned.add(found[0]);
    else if (!found.length) this.surplus.add(linked(code) ?? code.trim());
  }
}
