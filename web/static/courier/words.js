// What the page says, in its own language: the server puts the sentences into it (docs/phone.md).

/** @type {Record<string, string>} */
const known = JSON.parse(document.getElementById("said")?.textContent || "{}");

/**
 * The sentence in the language of the page, its named facts filled in once, as they stand.
 * @param {string} sentence
 * @param {Record<string, string | number>} [facts]
 */
export function _(sentence, facts = {}) {
  const pattern = known[sentence] ?? sentence;
  return pattern.replace(/\{([a-z][a-z0-9_]*)\}/g, (whole, name) => String(facts[name] ?? whole));
}

/** So long, in a word or two. @param {number} ms */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 90) return _("{count} s", { count: seconds });
  if (seconds < 90 * 60) return _("{count} min", { count: Math.floor(seconds / 60) });
  if (seconds < 48 * 3600) return _("{count} h", { count: Math.floor(seconds / 3600) });
  return _("{count} days", { count: Math.floor(seconds / 86400) });
}

/** A number in groups, as on the label. @param {string} code */
export function spaced(code) {
  const bare = visible(code);
  if (!/^[A-Za-z0-9]{8,24}$/.test(bare)) return bare;
  const postal = /^([A-Za-z]{2})(\d{4})(\d{4})(\d)([A-Za-z]{2})$/.exec(bare);
  return postal ? postal.slice(1).join(" ") : bare.replace(/.{4}(?=.)/g, "$& ");
}

/** A code as it can be shown anywhere: what does not print is spelled out. @param {string} code */
export function visible(code) {
  return code.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => "\\x" + c.charCodeAt(0).toString(16).padStart(2, "0"));
}
