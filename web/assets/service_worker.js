// Keeps the page's own files, so that it opens without a network after the first visit.
//
// Files of two builds never meet. What a build's document names has a name by its content, so a copy that is kept under
// that name is as good as the server's. A page that stands tells which files it is made of; they are kept in a cache of
// its build, the document last and only if it is of that build, and only then are the copies of other builds dropped. So
// of the caches here, each that holds a document holds everything that this document names.
//
// The document itself comes from the network, so a new build is seen at once; where the server does not answer, or
// answers that it cannot, the kept one comes.
//
// This program is the same in most builds, and where it has changed the new one waits until every tab is closed: it never
// calls skipWaiting. Chromium 156 at times never answered a reload that met a worker which was waiting and had called it.
//
// Weights are not kept here: the page's worker keeps them, checked by their hash.

// How long the server may be silent while there is a kept copy, and for how long it is then not asked again.
const PATIENCE_MS = 3000;
const REST_MS = 15000;

// Another copy of the page in another folder of this host has caches of its own.
const family = `bert-heal-page-${new URL(registration.scope).pathname}-`;

let silentUntil = 0;

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("message", (event) => event.waitUntil(keep(event.data)));

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !isKept(request.url)) return;
  event.respondWith(hasNameByContent(request.url) ? keptOrFetched(request) : fetchedOrKept(request));
});

async function keep({ build, documents, files }) {
  const cache = await caches.open(family + build);
  const add = async (url) => (await cache.match(url)) ?? cache.add(url);
  const wanted = files.filter(isKept);
  // One that is missing gives this up: the copies of the build before stay.
  await Promise.all(wanted.filter(hasNameByContent).map(add));
  await Promise.allSettled(wanted.filter((url) => !hasNameByContent(url)).map(add));
  for (const url of documents) {
    const response = await fetch(url, { cache: "no-cache", signal: AbortSignal.timeout(REST_MS) });
    const text = await response.clone().text();
    if (!response.ok || response.redirected || !text.includes(`data-build="${build}"`)) return;
    await cache.put(url, response);
  }
  const others = (await caches.keys()).filter((name) => name.startsWith(family) && name !== family + build);
  await Promise.all(others.map((name) => caches.delete(name)));
}

async function keptOrFetched(request) {
  return (await kept(request)) ?? fetch(request);
}

async function fetchedOrKept(request) {
  const copy = await kept(request);
  // Fetched by its address: a request that is a navigation can be given no signal.
  const isDocument = request.mode === "navigate";
  const fetched = (signal) =>
    isDocument ? fetch(request.url, { cache: "no-cache", redirect: "manual", signal }) : fetch(request, { signal });
  if (!copy) return fetched();
  if (Date.now() < silentUntil) return copy;
  const giveUp = new AbortController();
  const timer = setTimeout(() => {
    silentUntil = Date.now() + REST_MS;
    giveUp.abort();
  }, PATIENCE_MS);
  try {
    const response = await fetched(giveUp.signal);
    return response.status < 500 ? response : copy;
  } catch {
    return copy;
  } finally {
    clearTimeout(timer);
  }
}

// The newest copy. One without its document is not whole yet, which matters to documents only.
async function kept(request) {
  const names = (await caches.keys()).filter((name) => name.startsWith(family));
  for (const name of names.reverse()) {
    const cache = await caches.open(name);
    const copy = await cache.match(request, { ignoreSearch: request.mode === "navigate", ignoreVary: true });
    if (copy) return copy;
  }
}

function isKept(url) {
  const { origin, pathname } = new URL(url);
  return (origin + pathname).startsWith(registration.scope) && !/\.(bin|zip)$/.test(pathname);
}

// As Trunk and `cargo xtask finish-page` name files: app-9f86d081884c7d65_bg.wasm.
function hasNameByContent(url) {
  return /-[0-9a-f]{8,}(_\w+)?\.\w+$/.test(new URL(url).pathname);
}
