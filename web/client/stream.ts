import * as v from 'valibot'
import { runEventsSchema } from '#shared/protocol/api.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import { streamMessageSchema, type Change } from '#shared/protocol/stream.ts'
import { onSignedOut, request } from './api.ts'
import { carryStream, retryRoad, startRoads } from './roads.ts'
import { RunFollower, type FollowOptions } from './run-follower.ts'
import { connection } from './stream.svelte.ts'

export type Topic = Change['topic']

const changeListeners = new Map<Topic, Set<(change: Change) => void>>()
const runListeners = new Set<(event: RunEvent) => void>()
const followers = new Map<string, Set<RunFollower>>()

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

/** Opens the stream of this tab, over whichever road leads to the companion. Safe to call often. */
export function open(): void {
  startRoads()
}

/** Tries again at once instead of waiting for the back-off, e.g. because the user asked. */
export function reconnect(): void {
  retryRoad()
}

/** True for the message that opens the stream. */
function receive(data: string): boolean {
  const parsed = v.safeParse(streamMessageSchema, parseJson(data))
  // A message of a newer companion that this version does not know is not for it.
  if (!parsed.success) return false
  const message = parsed.output
  if (message.type === 'hello') {
    connection.meet({ id: message.companionId, road: connection.road })
    return true
  }
  if (message.type === 'change') announce(message.change)
  else {
    for (const listener of runListeners) listener(message.event)
    for (const follower of followers.get(message.event.runId) ?? []) follower.push(message.event)
  }
  return false
}

function up(missed: boolean): void {
  for (const group of followers.values()) for (const follower of group) void follower.catchUp()
  if (missed) for (const topic of changeListeners.keys()) announce({ topic })
}

function announce(change: Change): void {
  for (const listener of changeListeners.get(change.topic) ?? []) listener(change)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

carryStream({ receive, up })
onSignedOut(() => connection.refuse())
