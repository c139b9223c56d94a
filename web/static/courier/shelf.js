// Load lists and the day's work, fetched while there is a network and kept for when there is none.

import { asked, done } from "./journal.js";
import { signIn } from "./link.js";

const AGAIN_AFTER = 60_000;
const RETRY_AFTER = 10_000;
const LISTS_AHEAD = 12; // departures whose lists are kept, beside the one being loaded

/** @typedef {{departure: string, origin: string, destination: string, leaves_at: string, arrives_at: string, left: boolean}} Run */
/** @typedef {{number: string, service: string, attempted: boolean, name: string, lines: string[], postcode: string | null, city: string | null, country: string | null, wish: string, note: string}} Stop */
/** @typedef {{facility: string, runs: Run[], stops: Stop[]}} Work */

export class Shelf {
  /** @param {IDBDatabase} db @param {import("./link.js").Identity | null} identity @param {() => void} changed */
  constructor(db, identity, changed) {
    this._db = db;
    this._identity = identity;
    this._changed = changed;
    /** @type {Map<string, import("./checklist.js").LoadList>} */
    this.lists = new Map();
    /** @type {Work | null} */
    this.work = null;
    this.wanted = "";
    this._timer = 0;
  }

  /** What is kept, and from then on what is new. */
  async open() {
    const tx = this._db.transaction(["lists", "meta"]);
    for (const list of await asked(tx.objectStore("lists").getAll())) this.lists.set(list.departure, list);
    this.work = (await asked(this._db.transaction("meta").objectStore("meta").get("work"))) ?? null;
    void this.refresh();
  }

  /** A departure is loaded now: its list is wanted first. @param {string} departure */
  want(departure) {
    if (departure && departure !== this.wanted) {
      this.wanted = departure;
      void this.refresh();
    }
  }

  stop() {
    clearTimeout(this._timer);
    this._identity = null;
  }

  async refresh() {
    clearTimeout(this._timer);
    if (!this._identity) return;
    let well = true;
    try {
      if (this.wanted) await this._fetchList(this.wanted);
      const work = /** @type {Work} */ (await this._get("/courier/work"));
      const ahead = work.runs.filter((run) => run.origin === work.facility && !run.left).slice(0, LISTS_AHEAD);
      this.work = work;
      const missing = ahead.map((run) => run.departure).filter((name) => name !== this.wanted);
      for (const name of missing) if (this._isOld(name)) await this._fetchList(name);
      await this._keep("meta", "work", this.work);
    } catch {
      well = false;
    }
    this._changed();
    if (this._identity) this._timer = setTimeout(() => void this.refresh(), well ? AGAIN_AFTER : RETRY_AFTER);
  }

  /** @param {string} name */
  _isOld(name) {
    return Date.now() - (this.lists.get(name)?.fetched ?? 0) > 5 * AGAIN_AFTER;
  }

  /** @param {string} name */
  async _fetchList(name) {
    const list = await this._get(`/courier/manifest?departure=${encodeURIComponent(name)}`);
    list.fetched = Date.now();
    this.lists.set(name, list);
    this._changed();
    await this._keep("lists", name, list);
  }

  /** @param {string} path @returns {Promise<any>} */
  async _get(path) {
    if (!this._identity) throw new Error("stopped");
    const answer = await fetch(path, { headers: signIn(this._identity), credentials: "omit", signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  /** @param {string} store @param {string} key @param {unknown} value */
  async _keep(store, key, value) {
    const tx = this._db.transaction(store, "readwrite");
    tx.objectStore(store).put(value, key);
    await done(tx);
  }
}
