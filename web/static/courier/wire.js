// The messages of LDP/1 (docs/protocol.md), their bounds and their signatures.

export const MAX_PAYLOAD = 32 * 1024;
export const MAX_BATCH = 64;
const MAX_CODE = 4096;
const MAX_EXTRA = 1024;
const MAX_TEXT = { sym: 32, k: 32, op: 64, at: 64, in: 256 };

/**
 * @typedef {object} Scan one record; `q` is given by the journal
 * @property {string} code @property {string} sym @property {string} k
 * @property {number} wall @property {number} mono @property {number} boot
 * @property {string} [at] @property {string} [in] @property {string} [op] @property {Record<string, unknown>} [x]
 */
/** @typedef {{wall: number, mono: number, boot: number}} Stamp */
/** @typedef {{t: string, ep: string, upto?: number, q?: number, why?: string, ranges?: [number, number][], gen: number, mac?: string}} Answer */

/** Bytes of a text in UTF-8. @param {string} text */
export function size(text) {
  return new TextEncoder().encode(text).length;
}

/**
 * The record as the journal keeps it and every sending repeats it.
 * @param {number} q @param {Scan} scan @returns {string}
 */
export function encodeRecord(q, scan) {
  return JSON.stringify({ q, ...scan });
}

/** Why the tracker could not understand this scan as a record; "" where it could. @param {Scan} scan @returns {string} */
export function unfit(scan) {
  if (size(scan.code) > MAX_CODE || !scan.code) return "code";
  if (scan.x && size(JSON.stringify(scan.x)) > MAX_EXTRA) return "x";
  for (const [name, most] of Object.entries(MAX_TEXT)) {
    const text = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (scan))[name];
    if (typeof text === "string" && [...text].length > most) return name;
  }
  return "";
}

/**
 * @param {string} ep @param {number} first @param {number} last @param {Stamp} stamp @param {string} fw
 * @returns {string}
 */
export function hello(ep, first, last, stamp, fw) {
  return JSON.stringify({ t: "hello", v: 1, ep, first, last, ...stamp, sent: stamp.wall, fw });
}

/**
 * @param {{ep: string, last: number, acked: number, depth: number, battery?: number}} about @param {Stamp} stamp
 * @returns {string}
 */
export function status(about, stamp) {
  return JSON.stringify({ t: "status", v: 1, ...about, mono: stamp.mono, boot: stamp.boot, sent: stamp.wall });
}

/**
 * A `scans` message; the records go in byte for byte as the journal kept them.
 * @param {string} ep @param {string[]} records @param {Stamp} stamp @param {CryptoKey} key
 * @returns {Promise<string>}
 */
export async function scans(ep, records, stamp, key) {
  const s = "[" + records.join(",") + "]";
  const mac = await sign(key, ep + s);
  const { wall: sent, mono, boot } = stamp;
  return `{"t":"scans","v":1,"ep":"${ep}","sent":${sent},"mono":${mono},"boot":${boot},"s":${s},"mac":"${mac}"}`;
}

/** A message of the tracker; null where it cannot be understood. @param {string} payload @returns {any} */
export function hear(payload) {
  try {
    const message = JSON.parse(payload);
    return message && message.v === 1 && fits(message) ? message : null;
  } catch {
    return null;
  }
}

/** @param {any} m */
function fits(m) {
  const whole = (/** @type {unknown} */ n) => Number.isSafeInteger(n);
  switch (m.t) {
    case "ack":
      return typeof m.ep === "string" && whole(m.upto) && whole(m.gen);
    case "need":
      return typeof m.ep === "string" && whole(m.gen) && Array.isArray(m.ranges) && m.ranges.every((/** @type {any} */ r) => Array.isArray(r) && whole(r[0]) && whole(r[1]));
    case "nack":
      return typeof m.ep === "string" && whole(m.q) && whole(m.gen) && typeof m.why === "string";
    case "time":
      return whole(m.c0) && whole(m.s1) && whole(m.s2);
    case "config":
      return Array.isArray(m.symbologies) && Array.isArray(m.kinds) && m.lengths && typeof m.lengths === "object";
    default:
      return false;
  }
}

/** Whether the tracker said it: signed with our key. @param {CryptoKey} key @param {Answer} answer */
export async function isSigned(key, answer) {
  const about = {
    ack: () => `${answer.upto}`,
    need: () => (answer.ranges || []).map(([first, last]) => `${first}-${last}`).join(","),
    nack: () => `${answer.q}`,
  }[answer.t];
  if (!about || typeof answer.mac !== "string") return false;
  const said = `${answer.t}|${answer.ep}|${about()}|${answer.gen}`;
  return crypto.subtle.verify("HMAC", key, unhex(answer.mac), new TextEncoder().encode(said));
}

/** The key as this browser keeps it: it can sign, and nobody can read it out. @param {string} digits */
export function importKey(digits) {
  return crypto.subtle.importKey("raw", unhex(digits), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

/** @param {CryptoKey} key @param {string} text */
async function sign(key, text) {
  return hex(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text)));
}

/** @param {ArrayBuffer | Uint8Array} bytes */
export function hex(bytes) {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} digits */
function unhex(digits) {
  return new Uint8Array((digits.match(/[0-9a-f]{2}/gi) || []).map((pair) => parseInt(pair, 16)));
}
