// Keeps the page's own files, so that it opens without a network after the first visit.
//
// The network comes first: a new build is seen at once, and files of two builds are never mixed. What it gave is kept
// for when it is away, in a cache of this build alone; those of older builds are deleted when this one takes over.
// Weights are not kept here: the page's worker keeps them, checked by their hash.
const build = new URL(location.href).searchParams.get("build");
// Another copy of the page in another folder of this host has caches of its own.
const family = `bert-heal-page-${new URL(registration.scope).pathname}-`;
const name = family + build;

addEventListener("install", () => skipWaiting());

addEventListener("activate", (event) => {
  const isOld = (other) => other.startsWith(family) && other !== name;
  const deleteOld = async () => Promise.all((await caches.keys()).filter(isOld).map((other) => caches.delete(other)));
  event.waitUntil(deleteOld().then(() => clients.claim()));
});

// The page names the files that it loaded before this program had a say.
addEventListener("message", (event) => {
  const keep = async () => {
    const cache = await caches.open(name);
    const add = async (url) => (await cache.match(url)) ?? cache.add(url);
    await Promise.allSettled(event.data.keep.filter(isKept).map(add));
  };
  event.waitUntil(keep());
});

addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && isKept(event.request.url)) {
    event.respondWith(fromNetworkOrCache(event.request));
  }
});

function isKept(url) {
  return url.startsWith(registration.scope) && !url.endsWith(".bin") && !url.endsWith(".zip");
}

async function fromNetworkOrCache(request) {
  const cache = await caches.open(name);
  try {
    const response = await fetch(request);
    // Without room it works all the same, only not without a network.
    if (response.ok) cache.put(request, response.clone()).catch(() => {});
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
    if (kept) return kept;
    throw error;
  }
}
