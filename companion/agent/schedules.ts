import type { DatabaseSync } from 'node:sqlite'
import * as v from 'valibot'
import { migrate } from '#companion/records/database.ts'
import type { Log } from '#companion/observe/log.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { scheduleSchema, type putScheduleSchema, type Schedule } from '#shared/protocol/agent.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'
import type { StartAgent } from './agent-service.ts'
import { nextTime } from './schedule-time.ts'

export interface ScheduleDeps {
  readonly database: DatabaseSync
  /** @throws SiloError what starting a task throws */
  start(request: StartAgent, scheduleId: string): RunSummary
  conversations: {
    create(wanted: { id: string; title?: string }): { leafId: string | null; id: string }
    get(id: string): { leafId: string | null; id: string }
  }
  readonly changed: () => void
  readonly log: Log
  readonly now?: () => number
}

/** A timer is asked again after this at the latest: clocks are changed, and machines sleep. Ms. */
const lookMs = 30_000

/**
 * What is done at set times. A run proposes as any other task does; that it was planned approves nothing. What was missed
 * while the companion was off is done once at its start.
 */
export class Schedules {
  readonly #deps: ScheduleDeps
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined

  constructor(deps: ScheduleDeps) {
    this.#deps = deps
    this.#now = deps.now ?? Date.now
    migrate(deps.database, 'schedules', [
      `CREATE TABLE schedules (id TEXT PRIMARY KEY, body TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT`,
    ])
  }

  start(): void {
    this.look()
    this.#timer = setInterval(() => this.look(), lookMs)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  list(): Schedule[] {
    return this.#deps.database
      .prepare('SELECT body FROM schedules ORDER BY created_at, id')
      .all()
      .map((row) => v.parse(scheduleSchema, JSON.parse(String(row.body))))
  }

  /** @throws SiloError not_found */
  get(id: string): Schedule {
    const found = this.list().find((schedule) => schedule.id === id)
    if (!found) throw new SiloError('not_found')
    return found
  }

  put(id: string, wanted: v.InferOutput<typeof putScheduleSchema>): Schedule {
    const known = this.list().find((schedule) => schedule.id === id)
    const { goal, intent, enabled, at } = wanted
    const schedule: Schedule = {
      id,
      goal,
      enabled,
      at,
      ...(intent === undefined ? {} : { intent }),
      ...(known?.conversationId === undefined ? {} : { conversationId: known.conversationId }),
      ...(known?.lastRunId === undefined ? {} : { lastRunId: known.lastRunId }),
      ...(enabled ? { nextAt: nextTime(at, this.#now()) } : {}),
    }
    this.#write(schedule)
    return schedule
  }

  /** Its past runs stay. */
  remove(id: string): void {
    this.#deps.database.prepare('DELETE FROM schedules WHERE id = ?').run(id)
    this.#deps.changed()
  }

  /** @throws SiloError not_found, and what starting a task throws */
  runNow(id: string): RunSummary {
    return this.#run(this.get(id), newId())
  }

  /** Starts what is due. What was due several times is started once. */
  look(): void {
    const now = this.#now()
    for (const schedule of this.list()) {
      if (!schedule.enabled || schedule.nextAt === undefined || schedule.nextAt > now) continue
      try {
        // The same time is the same run, also for a process that died in between.
        this.#run(schedule, `${schedule.id.slice(0, 40)}-${schedule.nextAt.toString(36)}`)
      } catch (error) {
        this.#deps.log.error('a scheduled task could not be started', { scheduleId: schedule.id, error }) // prettier-ignore
      }
      const { nextAt: _past, ...rest } = this.get(schedule.id)
      this.#write({ ...rest, nextAt: nextTime(schedule.at, now) })
    }
  }

  #run(schedule: Schedule, runId: string): RunSummary {
    const { conversations } = this.#deps
    const title = schedule.goal.slice(0, 60)
    const known = schedule.conversationId
    const conversation = known === undefined ? undefined : this.#conversation(known)
    const { id: conversationId, leafId } = conversation ?? conversations.create({ id: newId(), title }) // prettier-ignore
    const messageId = `${runId.slice(0, 58)}-q`
    const run = this.#deps.start(
      {
        kind: 'agent',
        id: runId,
        conversationId,
        userMessage: { id: messageId, parentId: leafId, text: schedule.goal },
        parentId: messageId,
        assistantMessageId: `${runId.slice(0, 58)}-a`,
        ...(schedule.intent === undefined ? {} : { intent: schedule.intent }),
      },
      schedule.id,
    )
    this.#write({ ...schedule, conversationId, lastRunId: runId })
    return run
  }

  /** Undefined where it was deleted. */
  #conversation(id: string): { leafId: string | null; id: string } | undefined {
    try {
      return this.#deps.conversations.get(id)
    } catch {
      return undefined
    }
  }

  #write(schedule: Schedule): void {
    this.#deps.database
      .prepare(
        'INSERT INTO schedules VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body',
      )
      .run(schedule.id, JSON.stringify(schedule), this.#now())
    this.#deps.changed()
  }
}
