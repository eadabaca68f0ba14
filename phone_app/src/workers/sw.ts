/**
 * The service worker: the app opens without a network, and notices reach a closed app.
 *
 * It keeps exactly the files of one build. Answers of the gateway are never kept; neither are the emission page and the pages
 * that a system camera opens.
 */

declare const self: ServiceWorkerGlobalScope;

/** Filled in after the build (tools/finish.mjs): a digest over all files, and the files. */
const BUILD = "__BUILD__";
const FILES: string[] = JSON.parse("__FILES__");

const CACHE = `linkid-${BUILD}`;
const TRUST = "/trust.json";
const ALWAYS = "linkid-trust";

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      await (await caches.open(CACHE)).addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
      await (await caches.open(ALWAYS)).add(new Request(TRUST, { cache: "reload" }));
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      // The build before this one stays: a window that is deciding something goes on with the files that it began with.
      const others = (await caches.keys()).filter((name) => name.startsWith("linkid-") && name !== CACHE && name !== ALWAYS);
      await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "take-over") void self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname === TRUST) event.respondWith(freshTrust(event.request));
  else if (event.request.mode === "navigate" && url.pathname === "/") event.respondWith(kept("/", event.request));
  else if (FILES.includes(url.pathname)) event.respondWith(kept(url.pathname, event.request));
  else if (url.pathname.startsWith("/assets/")) event.respondWith(ofBefore(event.request));
});

async function kept(path: string, request: Request): Promise<Response> {
  return (await (await caches.open(CACHE)).match(path)) ?? fetch(request);
}

/** A file of the build before this one, whose name says what is in it; anything else comes from the network. */
async function ofBefore(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

/** Whom to believe: as fresh as can be, and the last known without a network (nothing can be decided then anyway). */
async function freshTrust(request: Request): Promise<Response> {
  const cache = await caches.open(ALWAYS);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(TRUST, answer.clone());
    return answer;
  } catch (error) {
    const known = await cache.match(TRUST);
    if (known) return known;
    throw error;
  }
}

// The doorbell of a closed app. Its content is not read: it is an opaque id. Browsers demand that something is shown.
self.addEventListener("push", (event) => {
  event.waitUntil(
    (async () => {
      const windows = await self.clients.matchAll({ type: "window" });
      for (const one of windows) one.postMessage("doorbell");
      await self.registration.showNotification("Link ID", {
        body: "Há um pedido esperando.",
        tag: "linkid-waiting",
        icon: "/icons/icon-192.png",
        badge: "/icons/badge-96.png",
      });
    })(),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    (async () => {
      const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
      const open = windows.find((one) => new URL(one.url).pathname === "/");
      await (open ? open.focus() : self.clients.openWindow("/"));
    })(),
  );
});

export {};
