// A phone's half of LDP/1 as a state machine: no timer, no socket. The rim (link.js) tells it what happened and sends
// what it answers, in order. It is `scanner/handheld.py` in the browser's language, and is held to the same tests.

import { hello, MAX_BATCH, MAX_PAYLOAD, size, status } from "./wire.js";

const WINDOW = 64; // records sent and not yet receipted
const RESEND_AFTER = 1000;
const RESEND_AT_MOST = 8000;
const RESEND_JITTER = 0.2;
const NEW_CONNECTION_AFTER = 30_000;
const STATUS_EVERY = 60_000;
const ASKED_EVERY = 20; // between the batches a `need` asks for, so that they do not hold up live scans
const ROOM_FOR_RECORDS = MAX_PAYLOAD - 320; // the envelope with its MAC takes at most 230 bytes
const FIRMWARE = "phone/1";

/** @typedef {import("./journal.js").Epoch} Epoch */
/** @typedef {{ep: string, records: string[]}} Batch to be stamped and signed in the moment it is sent */
/** @typedef {string | Batch | typeof RECONNECT} Effect */
/** @typedef {{epoch: Epoch, first: number, last: number, due: number, patience: number}} UnderWay */

/** Scans wait and nothing came back for 30 s: end this connection and make a new one. */
export const RECONNECT = Symbol("reconnect");

export class Handheld {
  /** @param {import("./journal.js").Journal} journal @param {{stamp(): import("./wire.js").Stamp}} clock */
  constructor(journal, clock) {
    this.journal = journal;
    this.clock = clock;
    /** @type {{symbologies: string[], lengths: Record<string, number[]>, kinds: string[]} | null} */
    this.config = null;
    /** @type {number | null} the tracker's clock less ours, for the display only */
    this.clockOff = null;
    /** @type {{ep: string, q: number, why: string}[]} */
    this.nacked = [];
    /** @type {number | undefined} */
    this.battery = undefined;
    this._connected = false;
    /** @type {Set<string>} epochs that had a `hello` on this connection */
    this._greeted = new Set();
    /** @type {Map<string, {due: number, patience: number}>} of those, the unanswered */
    this._greetings = new Map();
    /** @type {Map<string, number>} */
    this._sent = new Map();
    /** @type {UnderWay[]} */
    this._flight = [];
    /** @type {Map<string, [number, number][]>} */
    this._asked = new Map();
    this._askedAt = 0;
    this._progressAt = 0;
    this._statusAt = 0;
  }

  // --- what the rim tells; times are milliseconds of any monotonic clock ---

  /** A new connection stands: greet, then send all that waits. @param {number} now @returns {Effect[]} */
  connected(now) {
    this.disconnected();
    this._connected = true;
    this._progressAt = now;
    this._statusAt = now + STATUS_EVERY;
    const current = this.journal.current;
    const greeted = this.journal.epochs.filter((epoch) => epoch === current || epoch.waiting > 0 || this._unheardOf(epoch));
    return [...this._greet(greeted, now), ...this.tick(now)];
  }

  /** The connection is gone, and with it all that was under way. */
  disconnected() {
    this._connected = false;
    this._greeted.clear();
    this._greetings.clear();
    this._sent.clear();
    this._flight = [];
    this._asked.clear();
  }

  /** A message of the tracker, its signature checked. @param {any} message @param {number} now @returns {Effect[]} */
  heard(message, now) {
    switch (message.t) {
      case "ack":
      case "need":
      case "nack":
        return this._answered(message, now);
      case "config":
        this.config = message;
        break;
      case "time":
        this.clockOff = Math.round((message.s1 - message.c0 + (message.s2 - this.clock.stamp().wall)) / 2);
        break;
    }
    return [];
  }

  /** Do what is due; calling it more often changes nothing. @param {number} now @returns {Effect[]} */
  tick(now) {
    if (!this._connected) return [];
    const out = [...this._sendNew(now), ...this._resend(now), ...this._sendAsked(now), ...this._greetAgain(now)];
    if (now >= this._statusAt) {
      this._statusAt = now + STATUS_EVERY;
      this.journal.keepHouse(this.clock.stamp());
      out.push(...this._status());
    }
    if ((this._flight.length || this._greetings.size) && now >= this._progressAt + NEW_CONNECTION_AFTER) {
      this._progressAt = now;
      out.push(RECONNECT);
    }
    return out;
  }

  /** When `tick` has something to do; null while there is no connection. @param {number} now */
  nextTick(now) {
    if (!this._connected) return null;
    if (this._maySend()) return now;
    const due = [this._statusAt, ...[...this._greetings.values()].map((greeting) => greeting.due)];
    if (this._flight.length) due.push(this._flight[0].due);
    if (this._flight.length || this._greetings.size) due.push(this._progressAt + NEW_CONNECTION_AFTER);
    if (this._asked.size) due.push(this._askedAt);
    return Math.max(now, Math.min(...due));
  }

  // --- what may be asked ---

  get waiting() {
    return this.journal.epochs.reduce((sum, epoch) => sum + epoch.waiting, 0);
  }

  /** When the oldest scan without a receipt was made, by this phone's clock; null when none waits. */
  get oldest() {
    for (const epoch of this.journal.epochs) {
      const raw = epoch.waiting ? epoch.records.get(epoch.acked + 1) : undefined;
      if (raw) return /** @type {number} */ (JSON.parse(raw).wall);
    }
    return null;
  }

  // --- answers ---

  /** @param {import("./wire.js").Answer} answer @param {number} now @returns {Effect[]} */
  _answered(answer, now) {
    if (answer.gen < this.journal.gen) return []; // spoken before the restore we know of
    const epoch = this.journal.epoch(answer.ep);
    const restored = answer.gen > this.journal.gen;
    if (epoch) this._take(answer, epoch, now);
    /** @type {Epoch[]} */
    let speakUp = [];
    if (restored) {
      this.journal.gen = answer.gen;
      // The restored database may not even know some epochs, so every one that is kept speaks up.
      speakUp = this._connected ? this.journal.epochs.filter((each) => this._unheardOf(each)) : [];
    }
    return [...this._greetAnew(speakUp, now), ...(answer.t === "need" ? this._sendAsked(now) : []), ...this.tick(now)];
  }

  /** @param {import("./wire.js").Answer} answer @param {Epoch} epoch @param {number} now */
  _take(answer, epoch, now) {
    if (answer.t === "ack") {
      if (this._greetings.delete(epoch.ep)) this._progressAt = now;
      this._receipt(epoch, /** @type {number} */ (answer.upto), answer.gen, now);
    } else if (answer.t === "need") {
      const asked = within(answer.ranges || [], epoch);
      if (asked.length && answer.gen > epoch.gen && asked[0][0] <= epoch.acked) {
        // Restored. Only an `ack` says how far it has got: so the epoch stays of its old generation.
        this._goBack(epoch, asked[0][0] - 1, epoch.gen);
      }
      this._asked.delete(epoch.ep); // the tracker's latest word holds
      if (asked.length && this._connected) {
        this._asked.set(epoch.ep, asked);
        this._askedAt = now;
      }
    } else {
      const q = /** @type {number} */ (answer.q);
      if (!this.nacked.some((known) => known.ep === epoch.ep && known.q === q)) {
        this.nacked = [...this.nacked, { ep: epoch.ep, q, why: answer.why || "" }].slice(-256);
      }
    }
  }

  /**
   * Everything up to `upto` is committed, by what a tracker of generation `gen` knows.
   * @param {Epoch} epoch @param {number} upto @param {number} gen @param {number} now
   */
  _receipt(epoch, upto, gen, now) {
    if (gen === epoch.gen && upto <= epoch.acked) return;
    const lostItsTail = upto > epoch.given;
    if (upto < epoch.acked) {
      this._goBack(epoch, upto, gen);
    } else {
      this.journal.receipted(epoch, { upto, gen, at: this.clock.stamp() });
      this._flight = this._flight.filter((batch) => batch.last > batch.epoch.acked);
    }
    this._progressAt = now;
    // Numbers the tracker has had and we have not given out: the disk lied, and giving them out again would make two
    // scans of one id. Numbers it lacks and we no longer keep: no receipt would ever come past them.
    if (epoch === this.journal.current && (lostItsTail || epoch.acked + 1 < epoch.first)) this.journal.beginEpoch();
  }

  /** The tracker was restored: all kept above goes again. @param {Epoch} epoch @param {number} upto @param {number} gen */
  _goBack(epoch, upto, gen) {
    this.journal.receipted(epoch, { upto, gen, at: this.clock.stamp() });
    this._sent.delete(epoch.ep);
    this._flight = this._flight.filter((batch) => batch.epoch !== epoch);
  }

  // --- sending ---

  /** Whether the window takes what is unsent: whole, or else, when nothing is under way, as much as fits. */
  _maySend() {
    const unsent = this.journal.epochs.reduce((sum, epoch) => sum + Math.max(0, epoch.given - this._sentOf(epoch)), 0);
    return unsent > 0 && (!this._flight.length || unsent <= this._room());
  }

  _room() {
    return WINDOW - this._flight.reduce((sum, b) => sum + b.last - Math.max(b.first - 1, b.epoch.acked), 0);
  }

  /** @param {Epoch} epoch */
  _sentOf(epoch) {
    return Math.max(this._sent.get(epoch.ep) ?? 0, epoch.acked);
  }

  /** @param {number} now @returns {Effect[]} */
  _sendNew(now) {
    if (!this._maySend()) return [];
    if (!this._flight.length) this._progressAt = now;
    /** @type {Effect[]} */
    const out = [];
    for (const epoch of this.journal.epochs) {
      for (;;) {
        const room = this._room();
        const sent = this._sentOf(epoch);
        if (room <= 0 || sent >= epoch.given) break;
        const records = fitting(epoch, sent + 1, Math.min(epoch.given, sent + room));
        if (!records.length) break;
        const last = sent + records.length;
        out.push(...this._greet([epoch], now), { ep: epoch.ep, records });
        this._sent.set(epoch.ep, last);
        this._flight.push({ epoch, first: sent + 1, last, due: now + jittered(RESEND_AFTER), patience: RESEND_AFTER });
        this._greetings.delete(epoch.ep); // the batch is sent until an `ack` comes, which answers both
      }
    }
    return out;
  }

  /** The oldest batch, as it was, when its receipt is overdue. @param {number} now @returns {Effect[]} */
  _resend(now) {
    const batch = this._flight[0];
    if (!batch || now < batch.due) return [];
    batch.patience = Math.min(RESEND_AT_MOST, batch.patience * 2);
    batch.due = now + jittered(batch.patience);
    return [{ ep: batch.epoch.ep, records: fitting(batch.epoch, batch.first, batch.last) }];
  }

  /** One batch of what was asked for out of order; the rest at the next ticks. @param {number} now @returns {Effect[]} */
  _sendAsked(now) {
    const next = this._asked.entries().next().value;
    if (!next || now < this._askedAt) return [];
    this._askedAt = now + ASKED_EVERY;
    const [ep, ranges] = next;
    const epoch = this.journal.epoch(ep);
    /** @type {string[]} */
    const records = [];
    while (epoch && ranges.length && records.length < MAX_BATCH) {
      const [first, last] = /** @type {[number, number]} */ (ranges.shift());
      const got = fitting(epoch, first, last, records);
      records.push(...got);
      const rest = first + got.length;
      if (rest > last) continue;
      const isFull = records.length === MAX_BATCH || epoch.records.has(rest);
      if (isFull || rest < last) ranges.unshift([isFull ? rest : rest + 1, last]);
      if (isFull) break;
    }
    if (!epoch || !ranges.length) this._asked.delete(ep);
    return epoch && records.length ? [...this._greet([epoch], now), { ep, records }] : [];
  }

  /** @param {Epoch[]} epochs @param {number} now @returns {string[]} */
  _greet(epochs, now) {
    const fresh = epochs.filter((epoch) => !this._greeted.has(epoch.ep));
    return fresh.map((epoch) => {
      if (!this._greetings.size && !this._flight.length) this._progressAt = now;
      this._greeted.add(epoch.ep);
      this._greetings.set(epoch.ep, { due: now + jittered(RESEND_AFTER), patience: RESEND_AFTER });
      return this._hello(epoch);
    });
  }

  /** @param {Epoch[]} epochs @param {number} now */
  _greetAnew(epochs, now) {
    for (const epoch of epochs) this._greeted.delete(epoch.ep);
    return this._greet(epochs, now);
  }

  /** Each `hello` whose answer is overdue: without one we may not know that the tracker was restored. @param {number} now */
  _greetAgain(now) {
    /** @type {string[]} */
    const out = [];
    for (const [ep, greeting] of [...this._greetings]) {
      if (now < greeting.due) continue;
      const epoch = this.journal.epoch(ep);
      if (!epoch) {
        this._greetings.delete(ep);
        continue;
      }
      greeting.patience = Math.min(RESEND_AT_MOST, greeting.patience * 2);
      greeting.due = now + jittered(greeting.patience);
      out.push(this._hello(epoch));
    }
    return out;
  }

  /** @param {Epoch} epoch */
  _hello(epoch) {
    return hello(epoch.ep, epoch.first, epoch.given, this.clock.stamp(), FIRMWARE);
  }

  /** Whether no tracker has spoken of this epoch since the last restore. @param {Epoch} epoch */
  _unheardOf(epoch) {
    return epoch.gen < this.journal.gen;
  }

  _status() {
    const current = this.journal.current;
    const spoken = this.journal.epochs.filter((epoch) => epoch === current || epoch.waiting);
    return spoken.map(({ ep, given: last, acked, waiting: depth }) =>
      status({ ep, last, acked, depth, battery: this.battery }, this.clock.stamp()),
    );
  }
}

/**
 * Records from `first` on, as many as one message takes beside those it has.
 * @param {Epoch} epoch @param {number} first @param {number} last @param {string[]} beside
 */
function fitting(epoch, first, last, beside = []) {
  /** @type {string[]} */
  const records = [];
  let room = ROOM_FOR_RECORDS - beside.reduce((sum, raw) => sum + size(raw) + 1, 0);
  for (let q = first; q <= last && beside.length + records.length < MAX_BATCH; q++) {
    const raw = epoch.records.get(q);
    if (raw === undefined || size(raw) + 1 > room) break;
    records.push(raw);
    room -= size(raw) + 1;
  }
  return records;
}

/** The part of the ranges asked for that may still be kept. @param {[number, number][]} ranges @param {Epoch} epoch */
function within(ranges, epoch) {
  return ranges
    .map(([first, last]) => /** @type {[number, number]} */ ([Math.max(first, epoch.first), Math.min(last, epoch.given)]))
    .filter(([first, last]) => first <= last)
    .sort((one, other) => one[0] - other[0]);
}

/** @param {number} ms */
function jittered(ms) {
  return ms * (1 - RESEND_JITTER + Math.random() * 2 * RESEND_JITTER);
}
