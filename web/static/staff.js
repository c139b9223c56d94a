// Warns before the session ends, and keeps it by one press; the page and what was typed in it stay as they are.

const WARN_S = 120;

const ending = /** @type {HTMLElement} */ (document.getElementById("ending"));
const text = /** @type {HTMLElement} */ (document.getElementById("ending-text"));
const stay = /** @type {HTMLButtonElement} */ (document.getElementById("stay"));
const whole = Number(ending.dataset.left);
const calm = text.textContent ?? "";
let endsAt = Date.now() + whole * 1000;
let timer = 0;

function look() {
  const left = (endsAt - Date.now()) / 1000;
  clearTimeout(timer);
  ending.classList.toggle("soon", left <= WARN_S);
  stay.hidden = left > WARN_S;
  text.textContent = left <= 0 ? ending.dataset.over ?? "" : left <= WARN_S ? ending.dataset.soon ?? "" : calm;
  // A clock that slept with its machine is asked again when the page is seen.
  timer = setTimeout(look, Math.max(1, left > WARN_S ? left - WARN_S : left > 0 ? left : 60) * 1000);
}

stay.addEventListener("click", async () => {
  const answer = await fetch("/staff/stay", { method: "POST", headers: { "X-Form": ending.dataset.form ?? "" } });
  if (answer.ok) endsAt = Date.now() + whole * 1000;
  look();
});
document.addEventListener("visibilitychange", look);
look();
