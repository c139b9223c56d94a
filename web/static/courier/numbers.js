// What a code may be, as far as a phone without a network can tell: forms and check digits (docs/numbers.md).

const S10_WEIGHTS = [8, 6, 4, 2, 3, 5, 9, 7];
const LINK = /^https?:\/\/[^\s/?#]+(?:\/[^\s/?#]+)*\/t\/([A-Za-z]{2}[0-9]{9}[A-Za-z]{2})(?:[?#]\S*)?$/;
const DEPARTURE = /^[A-Z0-9]{2,3}[A-Z0-9]{0,8}\/\d{4}-\d{2}-\d{2}$/;

/** Without blanks and hyphens, in capitals. @param {string} text */
export function bare(text) {
  return text.replace(/[\s-]/g, "").toUpperCase();
}

/** A postal number with its check digit right (UPU S10). @param {string} code */
export function isS10(code) {
  const found = /^[A-Z]{2}(\d{8})(\d)[A-Z]{2}$/.exec(code);
  if (!found) return false;
  const sum = [...found[1]].reduce((total, digit, at) => total + Number(digit) * S10_WEIGHTS[at], 0);
  const check = 11 - (sum % 11);
  return Number(found[2]) === (check === 10 ? 0 : check === 11 ? 5 : check);
}

/** The mod 10 check digit of GS1 keys. @param {string} digits */
function endsInGs1Check(digits) {
  const sum = [...digits].reverse().reduce((total, digit, at) => total + Number(digit) * (at % 2 ? 3 : 1), 0);
  return sum % 10 === 0;
}

/** The 18 digits of a serial shipping container code, its `(00)` left off; null for anything else. @param {string} code */
export function sscc(code) {
  const found = /^(?:00)?(\d{18})$/.exec(code);
  return found && endsInGs1Check(found[1]) ? found[1] : null;
}

/** A UPS number with its check digit right. @param {string} code */
export function is1Z(code) {
  if (!/^1Z[A-Z0-9]{15}\d$/.test(code)) return false;
  const value = (/** @type {string} */ c) => (/\d/.test(c) ? Number(c) : (c.charCodeAt(0) - 63) % 10);
  const sum = [...code.slice(2, 17)].reduce((total, c, at) => total + value(c) * (at % 2 ? 2 : 1), 0);
  return (10 - (sum % 10)) % 10 === Number(code[17]);
}

/** The name of a departure, `LH716/2026-11-12`, in its one spelling; null for anything else. @param {string} code */
export function departure(code) {
  const name = code.trim().toUpperCase();
  return DEPARTURE.test(name) ? name : null;
}

/** The parcel's number that the QR code of our labels links to. @param {string} code */
export function linked(code) {
  const found = code.length <= 400 ? LINK.exec(code) : null;
  const number = found ? found[1].toUpperCase() : "";
  return isS10(number) ? number : null;
}

/** What tells one label from another, whichever of its codes was read. @param {string} code */
export function whose(code) {
  return linked(code) ?? code;
}

/** Whether a read of this code proves itself, by a check digit of its number. @param {string} code */
export function provesItself(code) {
  return isS10(code) || sscc(code) !== null || is1Z(code);
}

/** @typedef {"empty" | "unfinished" | "good" | "wrong" | "unknown"} Look */

/** How a typed number looks so far; `more`: letters and digits that lack. @param {string} typed @returns {{look: Look, more: number}} */
export function judge(typed) {
  const code = bare(typed);
  if (!code) return { look: "empty", more: 0 };
  if (departure(typed) || provesItself(code) || /^\d{10}$/.test(code)) return { look: "good", more: 0 };
  if (/^([A-Z]{1,2}|[A-Z]{2}\d{1,9}|[A-Z]{2}\d{9}[A-Z]{1,2})$/.test(code)) {
    return code.length < 13 ? { look: "unfinished", more: 13 - code.length } : { look: "wrong", more: 0 };
  }
  if (/^(00)?\d{18}$/.test(code) || /^1Z[A-Z0-9]{16}$/.test(code)) return { look: "wrong", more: 0 };
  if (/^\d{1,9}$/.test(code)) return { look: "unfinished", more: 10 - code.length };
  return { look: "unknown", more: 0 };
}
