// Who this phone is: taken once from an invitation, kept where no script of another page and no reader of the disk's
// export gets the key out again.

import { asked, done } from "./journal.js";
import { importKey } from "./wire.js";

/** @typedef {import("./link.js").Identity} Identity */

/** @typedef {{dev: string, token: string}} Invitation */

/** The one-time token in the address, which it leaves at once: it must not stay in the history. @returns {Invitation | null} */
export function invitation() {
  const found = /^#pair=([a-z0-9-]{1,32}):([\w-]{1,64})$/.exec(location.hash);
  if (found) history.replaceState(null, "", location.pathname + location.search);
  return found ? { dev: found[1], token: found[2] } : null;
}

/** @param {IDBDatabase} db @returns {Promise<Identity | null>} */
export async function known(db) {
  return (await asked(db.transaction("meta").objectStore("meta").get("identity"))) ?? null;
}

export class NotInvitedError extends Error {}
export class OtherDeviceError extends Error {}

/**
 * Becomes the device that the token invites. Rejects with NotInvitedError where the token is not good any more,
 * OtherDeviceError where scans of another device still wait here, anything else where there is no network.
 * @param {Invitation} invited @param {import("./journal.js").Journal} journal @param {number} waiting scans without a receipt
 * @returns {Promise<Identity>}
 */
export async function pair(invited, journal, waiting) {
  const before = await known(journal.db);
  // What waits has numbers of the other device: sent as this one's it would be counted twice.
  if (before && before.dev !== invited.dev && waiting) throw new OtherDeviceError(before.dev);
  const answer = await fetch("/courier/pair", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: invited.token }),
    credentials: "omit",
  });
  if (answer.status === 401) throw new NotInvitedError();
  if (!answer.ok) throw new Error(String(answer.status));
  const { dev, site, key, username, password } = await answer.json();
  if (before && before.dev !== dev) await journal.forgetAll();
  const identity = { dev, site, key: await importKey(key), username, password };
  const tx = journal.db.transaction("meta", "readwrite", { durability: "strict" });
  tx.objectStore("meta").put(identity, "identity");
  await done(tx);
  await navigator.storage?.persist?.().catch(() => false);
  return identity;
}
