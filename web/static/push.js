// "Tell me on this device": the browser subscribes, and the server keeps where it listens.

const button = /** @type {HTMLButtonElement} */ (document.getElementById("push"));

async function subscribed() {
  const registration = await navigator.serviceWorker.register(button.dataset.worker ?? "");
  const worker = registration.installing ?? registration.waiting;
  if (worker) {
    await new Promise((done) => {
      worker.addEventListener("statechange", () => worker.state === "activated" && done(undefined));
    });
  }
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: button.dataset.key });
}

button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const headers = { "X-Form": button.dataset.form ?? "", "Content-Type": "application/json" };
    const body = JSON.stringify(await subscribed());
    const kept = await fetch(button.dataset.to ?? "", { method: "POST", headers, body });
    button.textContent = (kept.ok ? button.dataset.done : button.dataset.failed) ?? "";
  } catch {
    button.textContent = button.dataset.failed ?? "";
  }
});

if ("serviceWorker" in navigator && "PushManager" in window) button.hidden = false;
