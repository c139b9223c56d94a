// The service worker: keeps the page, its reader and both languages for a day without a network. It never answers for
// the tracker. The server puts VERSION and SHELL in front of it; another content is another version, fetched whole
// before it takes over, and not before the page says so.

const CACHE = `courier-${VERSION}`;

addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) =>
      Promise.all(
        SHELL.map(async (address) => {
          // Without cookies where the address names the language: fetching a page is not choosing its language.
          const credentials = address.includes("lang=") ? "omit" : "same-origin";
          const answer = await fetch(address, { cache: "no-cache", credentials });
          if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
          await cache.put(address, answer);
        }),
      ),
    ),
  );
});

addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith("courier-") && name !== CACHE);
  event.waitUntil(caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))).then(() => clients.claim()));
});

addEventListener("message", (event) => {
  if (event.data === "take over") skipWaiting();
});

addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  const { origin, pathname, searchParams } = new URL(url);
  if (method !== "GET" || origin !== location.origin) return;
  const isPage = mode === "navigate" && pathname === "/courier/";
  const lang = searchParams.get("lang");
  const kept = isPage ? pathname + (lang ? `?lang=${lang}` : "") : pathname;
  if (isPage || SHELL.includes(kept)) {
    event.respondWith(
      caches.open(CACHE).then(async (cache) => (await cache.match(kept)) ?? fetch(event.request)),
    );
  }
});
