// A passkey: asks the server what to sign, the browser to sign it, and the server whether it fits.

const button = /** @type {HTMLButtonElement} */ (document.getElementById("passkey"));
const said = /** @type {HTMLElement} */ (document.getElementById("passkey-said"));
const name = /** @type {HTMLInputElement | null} */ (document.getElementById("passkey-name"));
const creates = "create" in button.dataset;

/** @param {string} address @param {unknown} [body] */
function post(address, body) {
  const headers = { "X-Form": button.dataset.form ?? "", "Content-Type": "application/json" };
  return fetch(address, { method: "POST", headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

async function ask() {
  const options = await (await post(button.dataset.options ?? "")).json();
  const publicKey = creates
    ? PublicKeyCredential.parseCreationOptionsFromJSON(options)
    : PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const signed = await navigator.credentials[creates ? "create" : "get"]({ publicKey });
  const named = name ? `?name=${encodeURIComponent(name.value)}` : "";
  return (await post((button.dataset.answer ?? "") + named, /** @type {any} */ (signed).toJSON())).json();
}

button.addEventListener("click", async () => {
  said.hidden = true;
  button.disabled = true;
  try {
    const { to, trouble } = await ask();
    if (to) return location.assign(to);
    said.textContent = trouble;
  } catch {
    said.textContent = button.dataset.failed ?? "";
  }
  said.hidden = false;
  button.disabled = false;
});

if (window.PublicKeyCredential && "parseRequestOptionsFromJSON" in PublicKeyCredential) {
  button.hidden = false;
  document.getElementById("passkey-entry")?.removeAttribute("hidden");
}
