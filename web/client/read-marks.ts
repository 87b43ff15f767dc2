import * as v from 'valibot'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import { longRunMs } from './run-news.ts'

const marksSchema = v.object({
  /** What ended before this device first looked is not news. Ms since 1970. */
  since: v.number(),
  /** Runs whose result was seen on this device. */
  read: v.array(v.string()),
  /** Runs that this device started. */
  own: v.array(v.string()),
})
export type ReadMarks = v.InferOutput<typeof marksSchema>

const storageKey = 'silo.results'
const kept = 400

/** The marks of this device; kept in the browser only. */
export function readMarks(now = Date.now()): ReadMarks {
  try {
    const parsed = v.safeParse(marksSchema, JSON.parse(localStorage.getItem(storageKey) ?? ''))
    if (parsed.success) return parsed.output
  } catch {
    // None yet, or storage is forbidden.
  }
  const fresh = { since: now, read: [], own: [] }
  writeMarks(fresh)
  return fresh
}

export function writeMarks(marks: ReadMarks): void {
  try {
    localStorage.setItem(storageKey, JSON.stringify(marks))
  } catch {
    // Storage is full or forbidden: the marks last as long as the page.
  }
}

/** Remembers that this device asked for a run. */
export function noteOwnRun(runId: string): void {
  if (typeof localStorage === 'undefined') return
  const marks = readMarks()
  writeMarks({ ...marks, own: added(marks.own, [runId]) })
}

export function withRead(marks: ReadMarks, runIds: readonly string[]): ReadMarks {
  return { ...marks, read: added(marks.read, runIds) }
}

/**
 * Whether a result waits to be seen: one that this device asked for, that took long, or that failed. Quick turns
 * of another device are no news here.
 */
export function isUnread(run: RunSummary, marks: ReadMarks): boolean {
  const { id, outcome, startedAt, endedAt } = run
  if (outcome === undefined || outcome === 'cancelled' || endedAt === undefined) return false
  if (endedAt < marks.since || marks.read.includes(id)) return false
  return marks.own.includes(id) || outcome !== 'done' || endedAt - startedAt >= longRunMs
}

function added(list: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...list, ...more])].slice(-kept)
}
