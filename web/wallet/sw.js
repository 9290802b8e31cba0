// The wallet's worker keeps two kinds of things: files whose name carries a hash of their content (they can never be
// stale) and the offline page. Balances, codes, receipts and pages always come from the network and are never stored:
// a lost phone must not hold yesterday's money in a cache.

/** @type {unknown} */
const scope = self;
const worker = /** @type {ServiceWorkerGlobalScope} */ (scope);

const CACHE = 'mamori-static';
const OFFLINE = '/offline.html';
const HASHED = /^\/assets\/[a-z0-9-]+\.([0-9A-Za-z_-]{8,64})\.[a-z0-9]+$/;

async function keepOfflinePage() {
  const cache = await caches.open(CACHE);
  const page = await fetch(OFFLINE, { cache: 'no-store' });
  if (!page.ok) throw new Error('no offline page');
  const text = await page.clone().text();
  const named = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((found) => found[1]);
  // `addAll` refuses a list that names a file twice.
  const needed = [...new Set(named)].filter((path) => HASHED.test(path));
  await cache.put(OFFLINE, page);
  await cache.addAll(needed);
}

worker.addEventListener('install', (event) => {
  event.waitUntil(keepOfflinePage().then(() => worker.skipWaiting()));
});

worker.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await worker.clients.claim();
  })());
});

/** @param {Request} request */
async function fromCacheFirst(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && answer.type === 'basic') await cache.put(request, answer.clone());
  return answer;
}

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return;
  if (HASHED.test(url.pathname) && url.search === '') {
    event.respondWith(fromCacheFirst(request));
  } else if (request.mode === 'navigate') {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE).then((page) => page ?? Response.error())));
  }
  // Everything else is not touched and goes to the network as the page asked for it.
});

// After an update the page tells which files it runs on. All files of one program carry one hash, so those that it fetches later are
// known by it too; what has another, and is not needed by the offline page, is dropped.
worker.addEventListener('message', (event) => {
  if (event.data?.kind !== 'in-use' || !Array.isArray(event.data.paths)) return;
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    const page = await cache.match(OFFLINE);
    const offline = page ? await page.text() : '';
    /** @param {string} path */
    const hashOf = (path) => path.match(HASHED)?.[1];
    const hashes = event.data.paths.map(hashOf);
    for (const request of await cache.keys()) {
      const path = new URL(request.url).pathname;
      if (path !== OFFLINE && !hashes.includes(hashOf(path)) && !offline.includes(path)) await cache.delete(request);
    }
  })());
});

// A notice that comes by push. What it says was encrypted for this browser; it names no balance. Its button leads to the page where its
// owner says "this was not me": opening that page does nothing yet.
const NOT_ME = /^\/not-me#[\w-]{38}$/;

worker.addEventListener('push', (event) => {
  event.waitUntil((async () => {
    const notice = event.data?.json() ?? {};
    const lang = notice.lang === 'en' ? 'en' : 'ja';
    const page = NOT_ME.test(notice.not_me) ? notice.not_me : null;
    // Browsers that show buttons beside a notice take them here; the type of the DOM library knows none.
    /** @type {any} */
    const options = {
      body: String(notice.body ?? ''), lang, icon: '/assets/icon-192.png', data: { page }, timestamp: Number(notice.at_ms) || undefined,
      actions: page === null ? [] : [{ action: 'not-me', title: lang === 'en' ? 'This was not me' : '心当たりがない' }],
    };
    await worker.registration.showNotification(String(notice.title ?? 'Mamori'), options);
  })());
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const page = event.action === 'not-me' ? event.notification.data?.page : null;
    if (typeof page === 'string' && NOT_ME.test(page)) {
      await worker.clients.openWindow(page);
      return;
    }
    const [open] = await worker.clients.matchAll({ type: 'window' });
    if (open) await open.focus();
    else await worker.clients.openWindow('/');
  })());
});
