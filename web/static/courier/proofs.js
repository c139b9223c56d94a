// Pictures and signatures: kept on the phone under their digest, and brought to the tracker apart from the scans, which
// never wait for them.

import { asked, done } from "./journal.js";
import { signIn } from "./link.js";
import { hex } from "./wire.js";

const AGAIN_AFTER = 30_000;

export class Proofs {
  /** @param {IDBDatabase} db @param {import("./link.js").Identity | null} identity @param {() => void} changed */
  constructor(db, identity, changed) {
    this._db = db;
    this._identity = identity;
    this._changed = changed;
    this.waiting = 0;
    this._timer = 0;
    this._busy = false;
  }

  /** Keeps it, flushed; answers the digest by which a scan names it. @param {Blob} file @returns {Promise<string>} */
  async keep(file) {
    const digest = hex(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    const tx = this._db.transaction("files", "readwrite", { durability: "strict" });
    tx.objectStore("files").put(file, digest);
    await done(tx);
    this.waiting += 1;
    return digest;
  }

  stop() {
    clearTimeout(this._timer);
    this._identity = null;
  }

  /** Brings what is kept; what the tracker has, the phone forgets. */
  async send() {
    clearTimeout(this._timer);
    if (this._busy || !this._identity) return;
    this._busy = true;
    try {
      const kept = await asked(this._db.transaction("files").objectStore("files").getAllKeys());
      this.waiting = kept.length;
      for (const digest of kept) if (await this._bring(String(digest))) this.waiting -= 1;
    } catch {
      // No network: later.
    } finally {
      this._busy = false;
    }
    this._changed();
    if (this.waiting && this._identity) this._timer = setTimeout(() => void this.send(), AGAIN_AFTER);
  }

  /** @param {string} digest @returns {Promise<boolean>} */
  async _bring(digest) {
    const file = /** @type {Blob | undefined} */ (await asked(this._db.transaction("files").objectStore("files").get(digest)));
    if (!file || !this._identity) return true;
    const answer = await fetch(`/courier/files/${digest}`, {
      method: "PUT",
      headers: { ...signIn(this._identity), "Content-Type": file.type },
      body: file,
      credentials: "omit",
      signal: AbortSignal.timeout(60_000),
    });
    if (!answer.ok) return false;
    const tx = this._db.transaction("files", "readwrite");
    tx.objectStore("files").delete(digest);
    await done(tx);
    return true;
  }
}
