// The till's worker keeps the till's own files and nothing else: the shell, which says nothing about anybody, and the files
// whose name carries a hash. A till that is loaded again without a network says so itself, in place of the browser's error.
// Sales, names and sums always come from the network and are never stored here.

/** @type {unknown} */
const scope = self;
const worker = /** @type {ServiceWorkerGlobalScope} */ (scope);

const CACHE = 'mamori-till';
const SHELL = '/';
const HASHED = /^\/assets\/[a-z0-9-]+\.([0-9A-Za-z_-]{8,64})\.[a-z0-9]+$/;
/** What the styles name and the shell does not. */
const PATTERN = '/assets/asanoha.svg';

/** The build that a file belongs to: one hash stands for all files of a build. @param {string} path */
const buildOf = (path) => HASHED.exec(path)?.[1];

/**
 * Keeps a shell with all that it needs, or nothing of it; what belongs to an older build is dropped behind it.
 * @param {Response} shell
 */
async function keep(shell) {
  const text = await shell.clone().text();
  const named = [...text.matchAll(/(?:href|src|content)="(\/assets\/[^"]+)"/g)].map((found) => found[1]);
  const script = named.find((path) => path.startsWith('/assets/till.') && path.endsWith('.js'));
  const build = buildOf(script ?? '');
  if (build === undefined) return;
  // What is large and may never be needed, the camera's reader, is kept when it was needed once.
  const needed = new Set([...named, PATTERN].filter((path) => buildOf(path) === build && !path.includes('/zxing-')));
  const cache = await caches.open(CACHE);
  const kept = (await cache.keys()).map((request) => new URL(request.url).pathname);
  await cache.addAll([...needed].filter((path) => !kept.includes(path)));
  await cache.put(SHELL, shell);
  for (const path of kept) if (path !== SHELL && buildOf(path) !== build) await cache.delete(path);
}

worker.addEventListener('install', (event) => {
  event.waitUntil(fetch(SHELL, { cache: 'no-store' }).then(keep).then(() => worker.skipWaiting()));
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(worker.clients.claim());
});

/** @param {Request} request */
async function file(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && answer.type === 'basic') await cache.put(request, answer.clone());
  return answer;
}

/** @param {FetchEvent} event The page as the network has it; as it was kept where there is none, or no server behind it. */
async function page(event) {
  const kept = async () => (await caches.open(CACHE)).match(SHELL);
  try {
    const answer = await fetch(event.request);
    if (answer.status >= 500) return await kept() ?? answer;
    if (answer.ok && answer.type === 'basic' && !answer.redirected) event.waitUntil(keep(answer.clone()).catch(() => {}));
    return answer;
  } catch {
    return await kept() ?? Response.error();
  }
}

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== worker.location.origin || url.search !== '') return;
  if (HASHED.test(url.pathname)) event.respondWith(file(request));
  else if (request.mode === 'navigate' && url.pathname === SHELL) event.respondWith(page(event));
  // Everything else is not touched and goes to the network as the page asked for it.
});
