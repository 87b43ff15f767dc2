import * as v from 'valibot'
import { runEventsSchema, statusSchema } from '#shared/protocol/api.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import { streamMessageSchema, type Change } from '#shared/protocol/stream.ts'
import { onSignedOut, request } from './api.ts'
import { RunFollower, type FollowOptions } from './run-follower.ts'
import { connection } from './stream.svelte.ts'

export type Topic = Change['topic']

const firstRetryMs = 500
const lastRetryMs = 15_000
const helloLimitMs = 10_000

const changeListeners = new Map<Topic, Set<(change: Change) => void>>()
const runListeners = new Set<(event: RunEvent) => void>()
const followers = new Map<string, Set<RunFollower>>()

let source: EventSource | undefined
let helloTimer: ReturnType<typeof setTimeout> | undefined
let retryTimer: ReturnType<typeof setTimeout> | undefined
let retryMs = firstRetryMs
let missed = false

/**
 * Calls `listener` when records of a topic changed, and after each reconnection, because changes may have
 * been missed. Returns the end of it.
 */
export function onChange(topic: Topic, listener: (change: Change) => void): () => void {
  const listeners = changeListeners.get(topic) ?? new Set()
  changeListeners.set(topic, listeners.add(listener))
  open()
  return () => listeners.delete(listener)
}

/** Calls `listener` for the live events of all runs. For one run without gaps use `followRun`. */
export function onRunEvent(listener: (event: RunEvent) => void): () => void {
  runListeners.add(listener)
  open()
  return () => runListeners.delete(listener)
}

/**
 * Every event of one run after `after`, once and in order: first from its log, then live. Survives
 * reconnections until the run ends. Returns the end of following; the run itself goes on.
 */
export function followRun(runId: string, options: FollowOptions): () => void {
  const path = `/api/runs/${encodeURIComponent(runId)}/events`
  const follower: RunFollower = new RunFollower(
    (after, signal) => request(`${path}?after=${after}`, runEventsSchema, { signal }),
    {
      ...options,
      onEnd: (event) => {
        leave()
        options.onEnd?.(event)
      },
      onError: (error) => {
        leave()
        options.onError?.(error)
      },
    },
  )
  const leave = () => {
    const group = followers.get(runId)
    group?.delete(follower)
    if (group?.size === 0) followers.delete(runId)
  }
  followers.set(runId, (followers.get(runId) ?? new Set()).add(follower))
  open()
  void follower.catchUp()
  return () => {
    follower.stop()
    leave()
  }
}

/** Opens the stream of this tab if it is not open. Safe to call often. */
export function open(): void {
  if (source || retryTimer !== undefined || typeof EventSource === 'undefined') return
  if (connection.state !== 'offline') connection.set('connecting')
  const stream = new EventSource('/api/events')
  source = stream
  helloTimer = setTimeout(() => lose(stream), helloLimitMs)
  stream.addEventListener('message', (message) => receive(String(message.data)))
  stream.addEventListener('error', () => lose(stream))
}

/** Tries again at once instead of waiting for the back-off, e.g. because the user asked. */
export function reconnect(): void {
  if (source) return
  clearTimeout(retryTimer)
  retryTimer = undefined
  retryMs = firstRetryMs
  open()
}

function receive(data: string): void {
  const parsed = v.safeParse(streamMessageSchema, parseJson(data))
  // A message of a newer companion that this version does not know is not for it.
  if (!parsed.success) return
  const message = parsed.output
  if (message.type === 'hello') greet()
  else if (message.type === 'change') announce(message.change)
  else {
    for (const listener of runListeners) listener(message.event)
    for (const follower of followers.get(message.event.runId) ?? []) follower.push(message.event)
  }
}

function greet(): void {
  clearTimeout(helloTimer)
  retryMs = firstRetryMs
  connection.set('online')
  for (const group of followers.values()) for (const follower of group) void follower.catchUp()
  if (missed) for (const topic of changeListeners.keys()) announce({ topic })
  missed = false
}

function announce(change: Change): void {
  for (const listener of changeListeners.get(change.topic) ?? []) listener(change)
}

function lose(stream: EventSource): void {
  if (source !== stream) return
  clearTimeout(helloTimer)
  stream.close()
  source = undefined
  missed = true
  connection.set('offline')
  void askWhy()
  retryTimer = setTimeout(() => {
    retryTimer = undefined
    open()
  }, retryMs)
  retryMs = Math.min(retryMs * 2, lastRetryMs)
}

/** EventSource hides the status code: an ordinary request tells a stopped companion from a sign-out. */
async function askWhy(): Promise<void> {
  await request('/api/status', statusSchema, { timeoutMs: 5000 }).catch(() => {})
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

onSignedOut(() => connection.refuse())

if (typeof window !== 'undefined') {
  window.addEventListener('online', reconnect)
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') reconnect()
  })
}
