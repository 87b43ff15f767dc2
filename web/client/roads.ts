import type { Transport } from '#shared/contracts/transport.ts'
import { loopbackHttp } from '#web/transports/loopback-http.ts'
import { setRoad } from './api.ts'
import { book, type Choice } from './companion-book.svelte.ts'
import { RoadKeeper, type Target } from './road-keeper.ts'
import { connection, type ConnectionState } from './stream.svelte.ts'

/** What carries the event stream of whichever road there is. */
export interface StreamListener {
  /** One message. True where it opens the stream. */
  receive(data: string): boolean
  /** A road stands (again). `missed`: changes may have been lost before. */
  up(missed: boolean): void
}

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]'])
const servedKey = 'silo.served'
const tickMs = 5000
/** A timer late by more than this means that the page did not run: it slept, ms. */
const sleptMs = 10_000

let listener: StreamListener | undefined

const keeper = new RoadKeeper({
  here: loopbackHttp,
  // Only a page that needs it loads libp2p.
  connect: async (companion, signal) =>
    (await import('./paired-road.ts')).connectTo(companion, signal),
  search: async (companion, signal) => (await import('./paired-road.ts')).search(companion, signal),
  book,
  expectedHere: () => loopbackHosts.has(location.hostname) || stored(servedKey) === '1',
  receive: (data) => listener?.receive(data) ?? false,
  up: (missed) => listener?.up(missed),
  show,
  signedOut: () => connection.refuse(),
})

/** Names what listens to the event stream of the road. */
export function carryStream(next: StreamListener): void {
  listener = next
}

/** Looks for the companion of this page and keeps the road to it. Safe to call often. */
export function startRoads(): void {
  if (typeof window !== 'undefined') keeper.start()
}

/** Tries again at once, because the person asked. */
export function retryRoad(): void {
  keeper.retry()
}

/**
 * Uses another companion from now on: a paired one by its id, or `here`, the one that serves this page. Undefined lets
 * the page decide: the one that serves it, else the one used last.
 */
export function useCompanion(choice: Choice | undefined): Promise<void> {
  return book.choose(choice)
}

function show(state: ConnectionState, target: Target | undefined, transport?: Transport): void {
  const known = target?.kind === 'paired' ? target.companion : undefined
  const moved = connection.companionId !== known?.id && target?.kind === 'paired'
  if (state === 'connecting' && connection.state === 'offline' && !moved) return
  if (target?.kind === 'paired') {
    const { name } = book.find(target.companion.id) ?? target.companion
    connection.meet({ id: target.companion.id, name, road: transport?.kind ?? known?.lastRoad })
    connection.admit()
  } else if (target) {
    connection.meet({ id: connection.road === 'loopback' ? connection.companionId : undefined, road: 'loopback' }) // prettier-ignore
    if (state === 'online') store(servedKey, '1')
  } else connection.meet({})
  connection.set(state)
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // A browser that stores nothing asks again next time.
  }
}

if (typeof window !== 'undefined') {
  setRoad((path, init) => keeper.request(path, init))
  book.onChange(() => keeper.rechoose())
  const wake = (): void => keeper.wake()
  window.addEventListener('online', wake)
  window.addEventListener('offline', wake)
  window.addEventListener('pageshow', wake)
  window.addEventListener('pagehide', (event) => !event.persisted && keeper.leave())
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') wake()
  })
  const network = (navigator as { connection?: EventTarget }).connection
  network?.addEventListener('change', wake)
  let last = Date.now()
  setInterval(() => {
    const late = Date.now() - last - tickMs
    last = Date.now()
    // In the background timers are slowed down; there the change of visibility tells.
    if (late > sleptMs && document.visibilityState === 'visible') wake()
    else keeper.tick()
  }, tickMs)
}
