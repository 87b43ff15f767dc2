import { join } from 'node:path'
import { Blobs } from '#companion/journal/blobs.ts'
import { JournalRecords, type StepRecord } from '#companion/journal/journal-records.ts'
import { Journal } from '#companion/journal/journal.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { ChangePlan } from '#shared/domain/file-change.ts'

/** Makes or takes back a batch, and dies right before or after the n-th line of the journal is written. */
interface Job {
  readonly home: string
  readonly id: string
  readonly way: 'make' | 'undo'
  readonly plan: ChangePlan
  readonly dieAt: number
  readonly when: 'before' | 'after'
}

const job = JSON.parse(process.argv[2]!) as Job
let lines = 0

class DyingRecords extends JournalRecords {
  override set(step: StepRecord): void {
    lines++
    if (lines === job.dieAt && job.when === 'before') process.kill(process.pid, 'SIGKILL')
    super.set(step)
    if (lines === job.dieAt) process.kill(process.pid, 'SIGKILL')
  }
}

const journal = new Journal({
  records: new DyingRecords(openDatabase(join(job.home, 'silo.db'))),
  blobs: new Blobs(join(job.home, 'blobs')),
  trash: join(job.home, 'trash'),
  guard: async () => {},
  log: silentLog,
})
const { signal } = new AbortController()
if (job.way === 'make')
  await journal.make({ id: job.id, taskId: 'task-of-test', plan: job.plan }, signal) // prettier-ignore
else await journal.undo(job.id, undefined, signal)
process.stdout.write(`lines ${lines}\n`)
