import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import { newId } from '#shared/domain/ids.ts'
import { Intake } from './intake.ts'
import { UploadRecords } from './upload-records.ts'
import { Uploads } from './uploads.ts'

let folder: string
let database: ReturnType<typeof openDatabase>
let uploads: Uploads
let free: number

const none = (): never => {
  throw new Error('nothing is read here')
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'silo-disk-'))
  database = openDatabase(':memory:')
  const records = new UploadRecords(database)
  const intake = new Intake({
    records,
    log: silentLog,
    start: none,
    active: () => undefined,
    finished: none,
    outcomeOf: () => undefined,
  })
  uploads = new Uploads({
    records,
    intake,
    folder,
    maxFileBytes: 10e9,
    hasCollection: () => true,
    isReadable: () => true,
    log: silentLog,
    freeBytes: async () => free,
  })
})
afterEach(async () => {
  await uploads.close()
  database.close()
  rmSync(folder, { recursive: true, force: true })
})

const create = (size: number, space = '') =>
  uploads.create({ id: newId(), name: 'x.bin', size, collectionId: 'collection' }, space)

it('promises no more room than the disk has, what is on its way included', async () => {
  free = 1e9
  await expect(create(1e9)).rejects.toMatchObject({ code: 'disk_full' })
  await create(500e6)
  await expect(create(500e6)).rejects.toMatchObject({ code: 'disk_full' })
  await create(400e6)
})

it('keeps the uploads of two people apart', async () => {
  free = 1e12
  const { id } = await create(5, 'phone')
  expect(uploads.list('')).toEqual([])
  expect(() => uploads.get(id, '')).toThrow(expect.objectContaining({ code: 'upload_unknown' }))
  await uploads.cancel(id, '')
  expect(uploads.get(id, 'phone').state).toBe('open')
  await uploads.cancel(id, 'phone')
  expect(uploads.list('phone')).toEqual([])
})

it('lets one person begin only so many', async () => {
  free = 1e15
  for (let i = 0; i < 200; i++) await create(1, 'phone')
  await expect(create(1, 'phone')).rejects.toMatchObject({ code: 'conflict' })
  await create(1, 'laptop')
})
