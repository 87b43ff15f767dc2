import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { AddSyncFolder } from '#shared/protocol/sync.ts'
import { Closers, SyncHome } from './sync-harness.ts'

const closers = new Closers()
afterEach(() => closers.close())

const notes: AddSyncFolder = { id: 'notes', label: '', kind: 'notes', type: 'sendreceive', devices: [] } // prettier-ignore

test('notes that lie encrypted on the disk are not shared, nor gone on with once they are', async () => {
  let encrypted = true
  const { service, stop, start, home } = await home$(() => encrypted)
  expect(() => service().addFolder(notes)).toThrow(expect.objectContaining({ code: 'sync_notes_encrypted' }) as Error) // prettier-ignore
  encrypted = false
  service().addFolder(notes)
  writeFileSync(join(home, 'notes', 'plan.md'), '# Plan\n')
  await expect.poll(() => service().state().folders[0]?.files, { timeout: 15_000 }).toBe(1)
  await stop()
  encrypted = true
  await start()
  expect(service().state().folders).toMatchObject([{ kind: 'notes', condition: 'paused' }])
  await expect(service().patchFolder('notes', { paused: false })).rejects.toMatchObject({ code: 'sync_notes_encrypted' }) // prettier-ignore
})

async function home$(notesEncrypted: () => boolean) {
  const made = await SyncHome.create(closers, { notesEncrypted })
  return { service: () => made.service, stop: () => made.stop(), start: () => made.start(), home: made.home } // prettier-ignore
}
