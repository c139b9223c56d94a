// Which of the codes that frames show are new scans, and sure ones: pure, the time is told.

import { provesItself, whose } from "./numbers.js";

export const OUT_OF_VIEW_AFTER = 1000;
const MATRIX = new Set(["qr", "datamatrix", "pdf417", "aztec", "maxicode"]);

/** @typedef {{sym: string, text: string, box?: {x: number, y: number}[]}} Read */

/**
 * One reading while a code stays in view; out of view for a second, and it is a new scan. A matrix code corrects its
 * errors, a number may prove itself; any other bars count once a second frame agrees.
 */
export class Sight {
  constructor() {
    /** @type {Map<string, {seen: number, frames: number, taken: boolean}>} */
    this._inView = new Map();
  }

  /**
   * What one frame shows; answers the codes that are new scans, one of each label.
   * @param {Read[]} reads @param {number} now @param {Record<string, number[]>} [lengths] that a weak code must have
   * @returns {Read[]}
   */
  look(reads, now, lengths = {}) {
    for (const [label, known] of this._inView) if (now - known.seen >= OUT_OF_VIEW_AFTER) this._inView.delete(label);
    const fit = reads.filter(({ sym, text }) => !lengths[sym] || lengths[sym].includes(text.length));
    const sides = [...fit].sort((one, other) => Number(whose(one.text) !== one.text) - Number(whose(other.text) !== other.text));
    const fresh = [];
    const once = new Set();
    for (const read of sides) {
      const label = whose(read.text);
      if (once.has(label)) continue;
      once.add(label);
      const known = this._inView.get(label) ?? { seen: now, frames: 0, taken: false };
      known.seen = now;
      known.frames += 1;
      this._inView.set(label, known);
      if (!known.taken && (known.frames > 1 || MATRIX.has(read.sym) || provesItself(read.text))) {
        known.taken = true;
        fresh.push(read);
      }
    }
    return fresh;
  }

  /** A tap: what is in view may be scanned anew. */
  forget() {
    this._inView.clear();
  }
}
