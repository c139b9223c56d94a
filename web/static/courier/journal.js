// The journal: every scan is on disk here before the beep, and stays until the tracker has it and 72 hours more.
//
// IndexedDB gives what the handheld's own files need care for: a transaction is there whole or not at all, so there are
// no torn records and a refused one is never sent. `durability: "strict"` makes `complete` mean flushed. What is kept
// is also in memory, so that sending never waits for the disk. A database that the browser threw away is a new one
// with a new epoch.

import { nextBlock } from "./clock.js";
import { encodeRecord, hex } from "./wire.js";

export const KEPT_MS = 72 * 3600 * 1000; // how long a restored server can ask again
const TOGETHER_MS = 10 * 60 * 1000; // receipts this close are forgotten together

/** The scan is not in the journal and will never be sent: no beep. */
export class NotRecordedError extends Error {}

/** One journal's numbering, and what of it is kept. */
export class Epoch {
  /** @param {any} row as kept on disk */
  constructor(row) {
    this.ep = /** @type {string} */ (row.ep);
    this.no = /** @type {number} */ (row.no);
    this.given = /** @type {number} */ (row.given);
    this.acked = /** @type {number} */ (row.acked);
    this.gen = /** @type {number} */ (row.gen);
    this.closed = /** @type {boolean} */ (row.closed);
    /** @type {{upto: number, since: number, at: import("./wire.js").Stamp}[]} */
    this.freed = row.freed;
    /** @type {Map<number, string>} */
    this.records = new Map();
  }

  /** The lowest number that can still be sent. */
  get first() {
    return this.records.size ? /** @type {number} */ (this.records.keys().next().value) : this.given + 1;
  }

  get waiting() {
    return this.given - this.acked;
  }

  row() {
    const { ep, no, given, acked, gen, closed, freed } = this;
    return { ep, no, given, acked, gen, closed, freed };
  }
}

export class Journal {
  /**
   * Opens the journal of this name, and counts a start of the page.
   * @param {string} name @returns {Promise<Journal>}
   */
  static async open(name) {
    const db = await openDatabase(name);
    const tx = db.transaction(["meta", "epochs", "records"], "readwrite", { durability: "strict" });
    const [meta, rows, keys, raws] = await Promise.all([
      asked(tx.objectStore("meta").get("journal")),
      asked(tx.objectStore("epochs").getAll()),
      asked(tx.objectStore("records").getAllKeys()),
      asked(tx.objectStore("records").getAll()),
    ]);
    const boot = nextBlock(meta?.boot ?? 0);
    tx.objectStore("meta").put({ boot, gen: meta?.gen ?? 0 }, "journal");
    await done(tx);
    const epochs = rows.map((row) => new Epoch(row)).sort((one, other) => one.no - other.no);
    keys.forEach((key, at) => {
      const [ep, q] = /** @type {[string, number]} */ (key);
      epochs.find((epoch) => epoch.ep === ep)?.records.set(q, raws[at]);
    });
    return new Journal(db, epochs, boot, meta?.gen ?? 0);
  }

  /** @param {IDBDatabase} db @param {Epoch[]} epochs @param {number} boot @param {number} gen */
  constructor(db, epochs, boot, gen) {
    this.db = db;
    this.boot = boot;
    this.gen = gen;
    this._epochs = epochs;
    for (const epoch of epochs.slice(0, -1)) epoch.closed = true;
    const last = epochs.at(-1);
    this._current = last && !last.closed ? last : null;
    /** @type {Promise<unknown>} */
    this._writing = Promise.resolve(); // one after the other, so that numbers are given out in order
  }

  /** Oldest first: those that still hold records, and the current one. @returns {Epoch[]} */
  get epochs() {
    const current = this.current;
    return this._epochs.filter((epoch) => epoch.records.size || epoch === current);
  }

  /** The epoch new scans go into. @returns {Epoch} */
  get current() {
    if (!this._current) {
      const no = Math.max(0, ...this._epochs.map((epoch) => epoch.no)) + 1;
      const ep = hex(crypto.getRandomValues(new Uint8Array(16)));
      this._current = new Epoch({ ep, no, given: 0, acked: 0, gen: 0, closed: false, freed: [] });
      this._epochs.push(this._current);
    }
    return this._current;
  }

  /** @param {string} ep */
  epoch(ep) {
    return this.epochs.find((epoch) => epoch.ep === ep);
  }

  /**
   * Give the scan the next number and have it flushed; only then the promise is kept. Rejects with NotRecordedError,
   * after which this scan will never be sent and the next number is still without gap.
   * @param {import("./wire.js").Scan} scan @returns {Promise<{ep: string, q: number}>}
   */
  append(scan) {
    const written = this._writing.then(() => this._append(scan));
    this._writing = written.catch(() => undefined);
    return written;
  }

  /** @param {import("./wire.js").Scan} scan @returns {Promise<{ep: string, q: number}>} */
  async _append(scan) {
    const epoch = this.current;
    let q = 0;
    let raw = "";
    try {
      const tx = this.db.transaction(["epochs", "records"], "readwrite", { durability: "strict" });
      const row = (await asked(tx.objectStore("epochs").get(epoch.ep))) ?? epoch.row();
      q = row.given + 1;
      raw = encodeRecord(q, scan);
      tx.objectStore("records").add(raw, [epoch.ep, q]);
      tx.objectStore("epochs").put({ ...row, given: q });
      await done(tx);
    } catch (failure) {
      throw new NotRecordedError(String(failure));
    }
    if (epoch.closed) {
      // Its numbers turned out to be none to trust while this was written: take it back, and another number.
      await this._change((tx) => tx.objectStore("records").delete([epoch.ep, q]), epoch);
      return this._append(scan);
    }
    epoch.given = q;
    epoch.records.set(q, raw);
    return { ep: epoch.ep, q };
  }

  /** From now on scans get a new epoch, because the current one's numbers cannot be trusted or receipted. */
  beginEpoch() {
    if (this._current) {
      const epoch = this._current;
      epoch.closed = true;
      this._current = null;
      void this._change(() => undefined, epoch);
    }
  }

  /** The phone becomes another device: what the old one had scanned and sent stays with the tracker alone. */
  async forgetAll() {
    const tx = this.db.transaction(["epochs", "records"], "readwrite", { durability: "strict" });
    tx.objectStore("epochs").clear();
    tx.objectStore("records").clear();
    await done(tx);
    this._epochs = [];
    this._current = null;
  }

  /**
   * The tracker has committed everything up to `upto`, as of `gen`. Lower than before after a restore.
   * @param {Epoch} epoch @param {{upto: number, gen: number, at: import("./wire.js").Stamp}} receipt
   */
  receipted(epoch, { upto, gen, at }) {
    epoch.acked = Math.max(0, Math.min(upto, epoch.given));
    epoch.gen = gen;
    this.gen = Math.max(this.gen, gen);
    const last = epoch.freed.at(-1);
    epoch.freed = epoch.freed.filter((each) => each.upto < epoch.acked);
    if (last && last.upto <= epoch.acked && at.wall - last.since < TOGETHER_MS) {
      epoch.freed = [...epoch.freed.filter((each) => each !== last), { upto: epoch.acked, since: last.since, at }];
    } else {
      epoch.freed.push({ upto: epoch.acked, since: at.wall, at });
    }
    void this._change(() => undefined, epoch);
  }

  /** Forgets what was receipted 72 hours ago. @param {import("./wire.js").Stamp} now */
  keepHouse(now) {
    for (const epoch of [...this._epochs]) {
      const old = epoch.freed.filter((each) => age(each.at, now) >= KEPT_MS && each.upto <= epoch.acked).at(-1);
      if (!old) continue;
      const gone = [...epoch.records.keys()].filter((q) => q <= old.upto);
      for (const q of gone) epoch.records.delete(q);
      epoch.freed = epoch.freed.filter((each) => each.upto > old.upto);
      void this._change((tx) => {
        for (const q of gone) tx.objectStore("records").delete([epoch.ep, q]);
      }, epoch);
      if (epoch.closed && !epoch.records.size && !epoch.waiting) {
        this._epochs = this._epochs.filter((each) => each !== epoch);
        void this._change((tx) => tx.objectStore("epochs").delete(epoch.ep));
      }
    }
  }

  /**
   * Notes that need not survive a power cut: what is forgotten is only sent again.
   * @param {(tx: IDBTransaction) => void} write @param {Epoch} [epoch] whose row is written too
   */
  async _change(write, epoch) {
    try {
      const tx = this.db.transaction(["meta", "epochs", "records"], "readwrite");
      write(tx);
      tx.objectStore("meta").put({ boot: this.boot, gen: this.gen }, "journal");
      if (epoch) {
        const kept = await asked(tx.objectStore("epochs").get(epoch.ep));
        if (kept || !epoch.closed) tx.objectStore("epochs").put({ ...epoch.row(), given: kept?.given ?? epoch.given });
      }
      await done(tx);
    } catch {
      // A disk that takes no more: the next scan will say so.
    }
  }
}

/** @param {import("./wire.js").Stamp} then @param {import("./wire.js").Stamp} now */
function age(then, now) {
  return then.boot === now.boot ? now.mono - then.mono : now.wall - then.wall;
}

/** @param {string} name @returns {Promise<IDBDatabase>} */
function openDatabase(name) {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => {
    for (const store of ["meta", "records", "lists", "files"]) opening.result.createObjectStore(store);
    opening.result.createObjectStore("epochs", { keyPath: "ep" });
  };
  return asked(opening);
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
export function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Until the transaction is flushed. @param {IDBTransaction} tx @returns {Promise<void>} */
export function done(tx) {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error ?? new Error("aborted"));
  });
}
