// The device's clocks: the wall's, one that never goes back, and which start of the page it counts from.

const JUMPED = 1500; // ms the two may drift apart before we believe that the phone slept or its clock was set
const A_BLOCK = 1000;

/**
 * The monotonic clock of a browser stands still while a phone sleeps. What is counted from before a sleep would put
 * every later scan at too early an hour, so a sleep, or a wall clock that is set, begins another boot. A start of the
 * page takes a block of numbers from the journal, so that no two ever share one.
 */
export class Clock {
  /** @param {number} block the first number that is this start's own */
  constructor(block) {
    this._boot = block;
    this._base = performance.now();
    this._apart = Date.now() - performance.now();
  }

  /** @returns {import("./wire.js").Stamp} */
  stamp() {
    const mono = performance.now();
    const wall = Date.now();
    if (Math.abs(wall - mono - this._apart) > JUMPED) {
      this._apart = wall - mono;
      this._base = mono;
      this._boot += this._boot % A_BLOCK < A_BLOCK - 1 ? 1 : 0;
    }
    return { wall, mono: Math.max(0, Math.round(mono - this._base)), boot: this._boot };
  }
}

/** The first number of the block after the one that holds `last`. @param {number} last */
export function nextBlock(last) {
  return (Math.floor(last / A_BLOCK) + 1) * A_BLOCK;
}
