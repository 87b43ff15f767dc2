import { version } from '$app/env'
import { assets, immutable } from '$app/manifest'
import { self } from '$app/service-worker'
import { openFromNotification, showPush } from './notifications.ts'
import { takeShare } from './share.ts'
import { importsOf, kindOf, resourcesOf, type Kind } from './shell.ts'

/**
 * Keeps the app openable without the companion. What the first page needs is stored at install; the other
 * build files soon after, the large ones when they are first used. Answers of the companion (/api, /v1) are never stored.
 */
const cacheName = `silo-${version}`
const shellPath = '/'
const immutablePaths = new Set(immutable.map(({ path }) => absolute(path)))
const assetPaths = new Set(assets.map(({ path }) => absolute(path)))
/** After this long without an answer a navigation gets the stored page. */
const navigationTimeoutMs = 4000
/** A part of the app larger than this is an engine: stored when it is used, bytes. */
const largeBytes = 600_000
const fillDelayMs = 3000

let filled: Promise<void> | undefined

self.addEventListener('install', (event) => event.waitUntil(install()))
self.addEventListener('activate', (event) => event.waitUntil(activate()))

self.addEventListener('fetch', (event) => {
  const { request } = event
  const kind = kindOf(
    { method: request.method, mode: request.mode, destination: request.destination },
    new URL(request.url),
    { origin: self.location.origin, immutablePaths, assetPaths },
  )
  const answer = answers[kind]
  if (answer) event.respondWith(answer(request))
  if (kind === 'page') event.waitUntil(fill())
})

self.addEventListener('push', (event) => event.waitUntil(showPush(self, event.data)))
self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(openFromNotification(self, event.notification.data))
})

self.addEventListener('message', (event) => {
  const type: unknown = (event.data as { type?: unknown } | null)?.type
  if (type === 'SKIP_WAITING') event.waitUntil(self.skipWaiting())
  if (type === 'VERSION') event.ports[0]?.postMessage(version)
})

const answers: Record<Kind, ((request: Request) => Promise<Response>) | undefined> = {
  file: storedFirst,
  page: pageFromNetwork,
  share: takeShare,
  pass: undefined,
}

/** Stores the page, what it loads, every page's own module, and the static files: all or nothing. */
async function install(): Promise<void> {
  const cache = await caches.open(cacheName)
  const page = await fetch(shellPath, { cache: 'no-cache', redirect: 'error' })
  if (!page.ok) throw new Error(`the page answered ${page.status}`)
  const html = await page.clone().text()
  await cache.put(shellPath, page)
  const pending = [
    ...resourcesOf(html),
    ...[...immutablePaths].filter(
      (path) => /\/(entry|nodes)\//.test(path) || path.endsWith('.css'),
    ),
    ...assetPaths,
  ].filter((path) => immutablePaths.has(path) || assetPaths.has(path))
  const seen = new Set<string>()
  while (pending.length > 0) {
    const batch = [...new Set(pending.splice(0))].filter((path) => !seen.has(path))
    for (const path of batch) seen.add(path)
    const imports = await Promise.all(batch.map((path) => store(cache, path)))
    pending.push(...imports.flat().filter((path) => immutablePaths.has(path)))
  }
}

/** Stores one file and returns the paths it imports statically. */
async function store(cache: Cache, path: string): Promise<string[]> {
  // A hashed file of an earlier version is the same file.
  const known = immutablePaths.has(path) ? await caches.match(path) : undefined
  const response = known ?? (await fetch(path, { cache: 'no-cache' }))
  if (!response.ok) throw new Error(`${path} answered ${response.status}`)
  await cache.put(path, response.clone())
  return path.endsWith('.js') && immutablePaths.has(path)
    ? importsOf(await response.text(), path)
    : []
}

/** Drops old versions except the last: a tab that still runs it may load a part it has not used yet. */
async function activate(): Promise<void> {
  const own = (await caches.keys()).filter((name) => name.startsWith('silo-') && name !== cacheName)
  await Promise.all(own.slice(0, -1).map((name) => caches.delete(name)))
  await self.clients.claim()
}

/**
 * Stores the parts that are loaded only when something needs them: that may be the moment the companion is away for
 * good. What fails is tried again with the next page.
 */
async function fill(): Promise<void> {
  filled ??= (async () => {
    // The page itself comes first.
    await new Promise((resolve) => setTimeout(resolve, fillDelayMs))
    const cache = await caches.open(cacheName)
    for (const path of immutablePaths) {
      if (!/\/chunks\/[^/]+\.js$/.test(path) || (await cache.match(path))) continue
      const response = (await caches.match(path)) ?? (await fetch(path))
      if (!response.ok || Number(response.headers.get('content-length') ?? 0) > largeBytes) {
        await response.body?.cancel()
        continue
      }
      await cache.put(path, response)
    }
  })().catch(() => void (filled = undefined))
  return filled
}

async function storedFirst(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  const cache = await caches.open(cacheName)
  const stored = (await cache.match(pathname)) ?? (await caches.match(pathname))
  if (stored) return stored
  const response = await fetch(request)
  if (response.ok && response.status === 200) await cache.put(pathname, response.clone())
  return response
}

async function pageFromNetwork(request: Request): Promise<Response> {
  const stored = await caches.open(cacheName).then((cache) => cache.match(shellPath))
  if (!stored) return fetch(request)
  // What was shared is shown at once, companion or not; and this navigation began in another app.
  if (new URL(request.url).pathname === '/share') return stored
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLong = new Promise<Response>((resolve) => {
    timer = setTimeout(() => resolve(stored), navigationTimeoutMs)
  })
  try {
    return await Promise.race([fetch(request), tooLong])
  } catch {
    return stored
  } finally {
    clearTimeout(timer)
  }
}

/** The manifest names paths without, newer kits with, a leading slash. */
function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}
