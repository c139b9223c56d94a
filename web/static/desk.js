// Single keys, the countdown of an undo, and who else is looking. Every page of the desk works without all three.

const OFF = "desk-keys-off";
const POLL_S = 20;

// --- Keys: what carries data-key is pressed, opened or written in; j and k go through the cases of a list ---

const sheet = /** @type {HTMLDialogElement | null} */ (document.getElementById("keys"));
const opens = document.getElementById("keys-open");
const on = /** @type {HTMLInputElement | null} */ (document.getElementById("keys-on"));

if (sheet && opens && on) {
  opens.hidden = false;
  opens.addEventListener("click", () => sheet.showModal());
  on.checked = !localStorage.getItem(OFF);
  on.addEventListener("change", () => (on.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
}

/** @param {string} key */
function press(key) {
  const found = /** @type {HTMLElement | null} */ (document.querySelector(`[data-key="${CSS.escape(key)}"]`));
  if (!found) return false;
  if (found.matches("button, a")) found.click();
  else if (found.matches("summary")) {
    const act = /** @type {HTMLDetailsElement} */ (found.parentElement);
    act.open = true;
    /** @type {HTMLElement | null} */ (act.querySelector("input:not([type=hidden])"))?.focus();
  } else found.focus();
  return true;
}

/** @param {number} by */
function move(by) {
  const cases = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-case]")]);
  if (cases.length === 0) return false;
  const at = cases.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  cases[Math.min(cases.length - 1, Math.max(0, at + by))].focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  if (target.closest("input, select, textarea, dialog") || localStorage.getItem(OFF)) return;
  const moves = { j: 1, k: -1 }[event.key];
  if (moves ? move(moves) : press(event.key)) event.preventDefault();
  else if (event.key === "/" && !document.querySelector('[data-key="/"]')) location.href = "/desk/find";
});

// --- Undo: gone once it is too late ---

const undo = document.getElementById("undo");
if (undo) setTimeout(() => undo.remove(), Number(undo.dataset.left) * 1000);

// --- Who else is looking ---

const looking = document.getElementById("looking");
if (looking) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(looking.dataset.asks ?? "").catch(() => null);
    if (!answer?.ok) return;
    const who = /** @type {string[]} */ (await answer.json());
    const said = who.length ? (looking.dataset.says ?? "").replace("{users}", who.join(", ")) : "";
    if (looking.textContent !== said) looking.textContent = said;
  }, POLL_S * 1000);
}
