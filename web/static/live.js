// @ts-check
/* Keeps a page up to date while it is looked at: each event brings the page's parts anew, and those that changed are
   put in place of the old ones. What the reader has opened stays open. Without this file a page is whole, only still. */

const LOOK_AGAIN = 20_000; // ms: how often to ask when there is no stream
const SAY_AT_MOST_EVERY = 60_000; // ms

const live = /** @type {HTMLElement | null} */ (document.querySelector("[data-live]"));

if (live) {
  /** @type {Map<string, string>} */
  const shown = new Map();
  /** @type {EventSource | null} */
  let stream = null;
  /** @type {number | undefined} */
  let later;
  let after = live.dataset.after ?? "";
  let said = "";
  let saidAt = 0;

  /** @param {Element} part */
  const source = (part) => part.outerHTML;
  for (const part of document.querySelectorAll("[data-part]")) shown.set(part.id, source(part));

  /** @param {"now" | "lost" | "polls"} state */
  const pulse = (state) => {
    const sign = document.getElementById("pulse");
    if (!sign) return;
    sign.hidden = false;
    sign.className = `pulse ${state}`;
    sign.textContent = live.dataset[state] ?? "";
  };

  /** @param {string} html  @param {boolean} whole  whether it is a whole page */
  const swap = (html, whole = false) => {
    const fresh = new DOMParser().parseFromString(whole ? html : `<body>${html}`, "text/html");
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const old = document.getElementById(part.id);
      const now = source(part);
      if (!old || shown.get(part.id) === now) continue;
      shown.set(part.id, now);
      for (const opened of old.querySelectorAll("details[open][id]")) {
        part.querySelector(`#${CSS.escape(opened.id)}`)?.setAttribute("open", "");
      }
      for (const line of part.querySelectorAll(".line")) {
        if (!document.getElementById(line.id)) line.classList.add("new");
      }
      const focus = old.contains(document.activeElement) ? document.activeElement : null;
      old.replaceWith(document.adoptNode(part));
      if (focus) refocus(focus);
      announce(part.querySelector("[data-say]")?.textContent ?? "");
    }
  };

  /** @param {Element} had */
  const refocus = (had) => {
    const place = had.id ? `#${CSS.escape(had.id)}` : had.parentElement?.id && `#${CSS.escape(had.parentElement.id)} > summary`;
    const again = place ? document.querySelector(place) : null;
    if (again instanceof HTMLElement) again.focus({ preventScroll: true });
  };

  /** @param {string} text */
  const announce = (text) => {
    const status = document.getElementById("announce");
    if (!status || !text || text === said || Date.now() - saidAt < SAY_AT_MOST_EVERY) return;
    [said, saidAt] = [text, Date.now()];
    status.textContent = text;
  };

  const open = () => {
    close();
    const address = new URL(live.dataset.live ?? "", location.href);
    if (after) address.searchParams.set("after", after);
    stream = new EventSource(address);
    stream.onopen = () => pulse("now");
    stream.onmessage = (message) => {
      after = message.lastEventId || after;
      swap(message.data);
      pulse("now");
    };
    stream.onerror = () => {
      if (stream?.readyState !== EventSource.CLOSED) return pulse("lost"); // it tries again by itself
      pulse("polls"); // refused: as many watch as the server can serve
      later = setTimeout(ask, LOOK_AGAIN);
    };
  };

  const close = () => {
    clearTimeout(later);
    stream?.close();
    stream = null;
  };

  const ask = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) swap(await answer.text(), true);
    } catch {
      pulse("lost");
    }
    open();
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  if (!document.hidden) open();
}
