import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { Blobs } from '#companion/journal/blobs.ts'
import { JournalRecords } from '#companion/journal/journal-records.ts'
import { Journal } from '#companion/journal/journal.ts'
import type { Log } from '#companion/observe/log.ts'
import { canonicalPath } from '#companion/policy/canonical-path.ts'
import { PolicyRecords } from '#companion/policy/policy-records.ts'
import { Policy } from '#companion/policy/policy.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** What an agent may use, and the journal of what it changed. Changes that a crash interrupted are put right first. */
export async function composePolicy(
  home: string,
  database: DatabaseSync,
  log: Log,
  onChange: (topic: 'settings' | 'status') => void,
) {
  const folder = join(home, 'agent')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const records = new PolicyRecords(database)
  const policy = new Policy(records, [realpathSync(home)], () => onChange('settings'))
  const blobs = new Blobs(join(folder, 'blobs'))
  const trash = join(folder, 'trash')
  mkdirSync(trash, { recursive: true, mode: 0o700 })
  const steps = new JournalRecords(database)
  const journal = new Journal({
    records: steps,
    blobs,
    trash,
    log,
    onChange: () => onChange('status'),
    // A folder above may have become a link since the plan was made.
    async guard(path) {
      await policy.requireOpenPlace(path)
      if ((await canonicalPath(path)) !== path) throw new SiloError('path_changed', { params: { path } }) // prettier-ignore
    },
  })
  await journal.recover()
  return { policy, journal, blobs, namedContents: () => steps.contents() }
}
