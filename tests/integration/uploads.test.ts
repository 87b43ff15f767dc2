import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs' // prettier-ignore
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { openDatabase } from '#companion/records/database.ts'
import { newId } from '#shared/domain/ids.ts'
import { maxPartBytes } from '#shared/protocol/upload.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'
import { testModelState } from './openai-server.ts'

let home: string
let companion: Companion
const collectionId = 'shared-files'
const model = 'GGUF'

async function start(env: Record<string, string> = {}): Promise<void> {
  const config = loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_OFFLINE: '1', ...env })
  const entry = {
    ...testModelState('embed-model', 'embed').state.entry,
    size: model.length,
    sha256: createHash('sha256').update(model).digest('hex'),
    dimensions: 384,
  }
  companion = await startCompanion(config, { engine: createFakeEngine(), catalogue: [entry] })
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-uploads-'))
  mkdirSync(join(home, 'models'))
  writeFileSync(join(home, 'models', 'embed-model.gguf'), model)
  await start()
  await api('/collections', { method: 'POST', json: { id: collectionId, name: 'Shared' } })
})
afterEach(async () => {
  await companion.close()
  rmSync(home, { recursive: true, force: true, maxRetries: 3 })
})

interface Init {
  method?: string
  json?: unknown
  bytes?: Uint8Array<ArrayBuffer>
}
async function api(path: string, { method = 'GET', json, bytes }: Init = {}): Promise<Loose> {
  const response = await fetch(`${companion.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${companion.token}` },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    ...(bytes === undefined ? {} : { body: bytes }),
  })
  return response.status === 204 ? undefined : response.json()
}
const create = (file: object) =>
  api('/uploads', { method: 'POST', json: { collectionId, ...file } })
const part = (id: string, offset: number, bytes: Uint8Array<ArrayBuffer>) =>
  api(`/uploads/${id}?offset=${offset}`, { method: 'PATCH', bytes })
const finish = (id: string) => api(`/uploads/${id}/complete`, { method: 'POST' })
const sumOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const text = (content: string) => new TextEncoder().encode(content)

async function sendFile(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Loose> {
  const id = newId()
  await create({ id, name, size: bytes.length })
  if (bytes.length > 0) await part(id, 0, bytes)
  return (await finish(id)).upload
}
/** Waits for the ingest that reads an upload, and gives its end. */
async function readingOf(id: string): Promise<Loose> {
  let runId: string | undefined
  await expect
    .poll(async () => (runId = (await api(`/uploads/${id}`)).upload.runId), { timeout: 10_000 })
    .toBeDefined()
  await expect
    .poll(async () => (await api(`/runs/${runId}/events`)).run.outcome, { timeout: 20_000 })
    .toBeDefined()
  const { run, events } = await api(`/runs/${runId}/events`)
  return { run, body: events.at(-1).body }
}
const stored = () => readdirSync(join(home, 'uploads', collectionId)).sort()
const partials = () => readdirSync(join(home, 'uploads', '.partial'))

describe('a file from another device', () => {
  it('arrives in parts, is checked, kept, read, and found', async () => {
    const bytes = text('# Crane\n\nThe crane in hall 7 was inspected in May.\n')
    const id = newId()
    const file = { id, name: 'crane.md', size: bytes.length, sha256: sumOf(bytes) }
    expect((await create(file)).upload).toMatchObject({
      received: 0,
      state: 'open',
      readable: true,
    })
    expect((await part(id, 0, bytes.slice(0, 10))).upload.received).toBe(10)
    expect((await part(id, 10, bytes.slice(10))).upload.received).toBe(bytes.length)
    expect((await finish(id)).upload).toMatchObject({ state: 'complete', name: 'crane.md' })
    const { run, body } = await readingOf(id)
    expect(run).toMatchObject({ kind: 'ingest', subject: collectionId, outcome: 'done' })
    expect(body.counts).toMatchObject({ added: 1, failed: 0 })
    const { hits } = await api('/search', { method: 'POST', json: { query: 'crane inspected' } })
    expect(hits[0]).toMatchObject({ collectionId, path: join(home, 'uploads', collectionId, 'crane.md') }) // prettier-ignore
    expect(partials()).toEqual([])
  })

  it('is sent once however often the client asks', async () => {
    const bytes = text('once')
    const file = { id: newId(), name: 'once.txt', size: bytes.length }
    await create(file)
    expect((await create(file)).upload.received).toBe(0)
    await part(file.id, 0, bytes)
    expect((await create(file)).upload.received).toBe(bytes.length)
    const ends = await Promise.all([finish(file.id), finish(file.id), finish(file.id)])
    for (const { upload } of ends) expect(upload).toMatchObject({ state: 'complete' })
    expect((await finish(file.id)).upload.name).toBe('once.txt')
    expect((await create(file)).upload.state).toBe('complete')
    expect(stored()).toEqual(['once.txt'])
    const again = await part(file.id, 4, text('x'))
    expect(again.error).toMatchObject({ code: 'conflict' })
    await api(`/uploads/${file.id}`, { method: 'DELETE' })
    expect(stored()).toEqual(['once.txt'])
  })

  it('keeps two files of one name, and one of two equal ones', async () => {
    const names = []
    for (const content of ['first', 'second', 'first'])
      names.push((await sendFile('note.txt', text(content))).name)
    expect(names).toEqual(['note.txt', 'note (2).txt', 'note.txt'])
    expect((await sendFile('NOTE.TXT', text('third'))).name).toBe('NOTE (3).TXT')
    expect(stored()).toEqual(['NOTE (3).TXT', 'note (2).txt', 'note.txt'])
  })

  it('is stored where it cannot be read yet, and that is said', async () => {
    const film = await sendFile('film.mov', new Uint8Array([0xff, 0xd8, 0xff, 0xe0]))
    expect(film).toMatchObject({ state: 'complete', readable: false })
    const { body } = await readingOf(film.id)
    expect(body).toMatchObject({ outcome: 'done', counts: { added: 0, failed: 1 } })
    expect(stored()).toEqual(['film.mov'])
    const { problems } = await api(`/collections/${collectionId}/problems`)
    expect(problems).toMatchObject([{ error: { code: 'file_unsupported' } }])
    expect((await sendFile('empty.bin', new Uint8Array())).state).toBe('complete')
  })

  it('is read by one more run when it comes while another is read', async () => {
    const sent = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => sendFile(`${name}.md`, text(`# ${name}\n\ntext ${name}`))),
    )
    for (const { id } of sent) expect((await readingOf(id)).run.outcome).toBe('done')
    const { documents } = await api(`/collections/${collectionId}/documents`)
    expect(documents.map(({ title }: Loose) => title)).toEqual(['a', 'b', 'c', 'd'])
    const { runs } = await api('/runs')
    expect(runs.length).toBeGreaterThan(0)
    expect(runs.length).toBeLessThanOrEqual(4)
  })
})

describe('bad uploads', () => {
  it('refuses what is too large when it is announced', async () => {
    const ten = await create({ id: newId(), name: 'big.iso', size: 10_000_000_000 })
    expect(ten.error).toMatchObject({ code: 'file_too_large', field: 'size' })
    expect(ten.error.params).toEqual({ size: '10.0 GB', limit: '2.1 GB' })
    for (const size of [-1, 1.5, Number.MAX_SAFE_INTEGER + 1, '10', null, undefined])
      expect((await create({ id: newId(), name: 'x', size })).error.code).toBe('bad_request')
    const strange = { id: '../../etc', name: 'x', size: 1 }
    expect((await create(strange)).error).toMatchObject({ code: 'bad_request', field: 'id' })
    const nowhere = { id: newId(), name: 'x', size: 1, collectionId: 'no-such-one' }
    expect((await create(nowhere)).error.code).toBe('collection_unknown')
    expect(existsSync(join(home, 'uploads', '.partial'))).toBe(false)
  })

  it('stops reading when more comes than was announced', async () => {
    const id = newId()
    await create({ id, name: 'small.txt', size: 1000 })
    // Endless and without a length: only counting while writing helps.
    const { status, error, sent } = await endless(id)
    expect(status).toBe(413)
    expect(error).toMatchObject({ code: 'body_too_large', params: { limit: 1000 } })
    expect(sent).toBeLessThan(200_000_000)
    expect((await api(`/uploads/${id}`)).upload.received).toBe(0)
    const early = await finish(id)
    expect(early.error).toMatchObject({ code: 'conflict' })
    const tooMuch = await part(id, 0, new Uint8Array(1001))
    expect(tooMuch.error.code).toBe('body_too_large')
    expect((await part(id, 0, new Uint8Array(1000))).upload.received).toBe(1000)
  })

  it('takes no part above the limit of parts', async () => {
    const id = newId()
    await create({ id, name: 'x.bin', size: 3 * maxPartBytes })
    const large = await part(id, 0, new Uint8Array(maxPartBytes + 1))
    expect(large.error).toMatchObject({ code: 'body_too_large', params: { limit: maxPartBytes } })
    expect((await part(id, 0, new Uint8Array(maxPartBytes))).upload.received).toBe(maxPartBytes)
  })

  it('says where to go on when the offset is wrong', async () => {
    const id = newId()
    await create({ id, name: 'x.txt', size: 10 })
    await part(id, 0, text('01234'))
    for (const offset of [0, 4, 6, 10, 99_999])
      expect((await part(id, offset, text('x'))).error).toMatchObject({
        code: 'conflict',
        field: 'offset',
      })
    for (const offset of ['-1', 'NaN', '1e3', ''])
      expect((await part(id, offset as never, text('x'))).error.code).toBe('bad_request')
    expect((await api(`/uploads/${id}`)).upload.received).toBe(5)
    await part(id, 5, text('56789'))
    await finish(id)
    expect(readFileSync(join(home, 'uploads', collectionId, 'x.txt'), 'utf8')).toBe('0123456789')
  })

  it('throws away what is not what was sent, and lets the client begin again', async () => {
    const bytes = text('the real content')
    const file = { id: newId(), name: 'x.txt', size: bytes.length, sha256: sumOf(bytes) }
    await create(file)
    await part(file.id, 0, text('the fake content'))
    expect((await finish(file.id)).error).toMatchObject({ code: 'upload_damaged', retryable: true })
    expect((await api(`/uploads/${file.id}`)).error.code).toBe('upload_unknown')
    expect(partials()).toEqual([])
    await create(file)
    await part(file.id, 0, bytes)
    expect((await finish(file.id)).upload.state).toBe('complete')
  })

  it('never leaves its folder, whatever the name', async () => {
    const before = readdirSync(home).sort()
    for (const name of [
      '../../token',
      '..\\..\\silo.db',
      '/etc/passwd',
      '.gitignore',
      'CON',
      '..',
      'a\u0000b.txt',
    ])
      // prettier-ignore
      expect((await sendFile(name, text(name))).state).toBe('complete')
    expect(readdirSync(home).sort()).toEqual([...new Set([...before, 'uploads'])].sort())
    expect(stored()).toEqual(['_CON', '_gitignore', 'ab.txt', 'file', 'passwd', 'silo.db', 'token'])
    expect(readFileSync(join(home, 'token'), 'utf8').trim()).toBe(companion.token)
  })

  it('lets one of two clients with the same id write, and mixes nothing', async () => {
    const id = newId()
    expect((await create({ id, name: 'a.txt', size: 8 })).upload).toBeDefined()
    for (const other of [{ size: 9 }, { name: 'b.txt' }, { sha256: '0'.repeat(64) }]) {
      const refused = await create({ id, name: 'a.txt', size: 8, ...other })
      expect(refused.error).toMatchObject({ code: 'conflict', field: 'id' })
    }
    const answers = await Promise.all([
      part(id, 0, text('aaaaaaaa')),
      part(id, 0, text('bbbbbbbb')),
    ])
    expect(answers.filter(({ upload }) => upload).length).toBeLessThanOrEqual(1)
    const { received } = (await api(`/uploads/${id}`)).upload
    if (received < 8) await part(id, received, text('c'.repeat(8 - received)))
    await finish(id)
    const kept = readFileSync(join(home, 'uploads', collectionId, 'a.txt'), 'utf8')
    expect(kept).toMatch(/^(a*|b*)c*$/)
    expect(kept).toHaveLength(8)
  })

  it('keeps what a broken connection brought, and a newer request takes over', async () => {
    const id = newId()
    await create({ id, name: 'long.txt', size: 300_000 })
    const hanging = hang(id, new Uint8Array(100_000).fill(97))
    const onDisk = () => readFileSync(join(home, 'uploads', '.partial', id)).length
    await expect.poll(onDisk).toBe(100_000)
    hanging.destroy()
    await expect
      .poll(async () => (await api(`/uploads/${id}`)).upload.received, { timeout: 10_000 })
      .toBe(100_000)
    // This one stays open and says nothing more: the next request must not wait for it.
    const silent = hang(id, new Uint8Array(50_000).fill(98), 100_000)
    await expect.poll(onDisk).toBe(150_000)
    const late = await part(id, 100_000, new Uint8Array(10).fill(99))
    expect(late.error).toMatchObject({ code: 'conflict' })
    silent.destroy()
    expect((await api(`/uploads/${id}`)).upload.received).toBe(150_000)
    expect((await part(id, 150_000, new Uint8Array(150_000).fill(99))).upload.received).toBe(
      300_000,
    )
    await finish(id)
    const kept = readFileSync(join(home, 'uploads', collectionId, 'long.txt'), 'utf8')
    expect(kept).toBe('a'.repeat(100_000) + 'b'.repeat(50_000) + 'c'.repeat(150_000))
  })
})

describe('a companion that was restarted', () => {
  it('goes on with an upload where it was', async () => {
    const bytes = text('before|after')
    const file = { id: newId(), name: 'x.md', size: bytes.length, sha256: sumOf(bytes) }
    await create(file)
    await part(file.id, 0, bytes.slice(0, 7))
    await companion.close()
    await start()
    expect((await create(file)).upload.received).toBe(7)
    await part(file.id, 7, bytes.slice(7))
    expect((await finish(file.id)).upload.state).toBe('complete')
    expect((await readingOf(file.id)).run.outcome).toBe('done')
  })

  it('trusts the disk more than its records, and drops what expired or belongs to nothing', async () => {
    const [cut, old] = [newId(), newId()]
    await create({ id: cut, name: 'cut.txt', size: 100 })
    await create({ id: old, name: 'old.txt', size: 100 })
    for (const id of [cut, old]) await part(id, 0, new Uint8Array(50))
    await companion.close()
    writeFileSync(join(home, 'uploads', '.partial', cut), new Uint8Array(20))
    writeFileSync(join(home, 'uploads', '.partial', 'nobody-knows-it'), 'x')
    const database = openDatabase(join(home, 'silo.db'))
    const past = Date.now() - 25 * 3600_000
    database.prepare('UPDATE uploads SET updated_at = ? WHERE id = ?').run(past, old)
    database.close()
    await start()
    await expect.poll(partials).toEqual([cut])
    expect((await api(`/uploads/${cut}`)).upload.received).toBe(20)
    expect((await api(`/uploads/${old}`)).error.code).toBe('upload_unknown')
  })

  it('finishes what died between the file and the record, and reads what was not read', async () => {
    const bytes = text('# Moved\n\nmoved but not recorded')
    const id = newId()
    await create({ id, name: 'moved.md', size: bytes.length })
    await part(id, 0, bytes)
    await companion.close()
    const database = openDatabase(join(home, 'silo.db'))
    database
      .prepare('UPDATE uploads SET stored_name = ?, content_sha256 = ? WHERE id = ?')
      .run('moved.md', sumOf(bytes), id)
    database.close()
    mkdirSync(join(home, 'uploads', collectionId), { recursive: true })
    writeFileSync(join(home, 'uploads', collectionId, 'moved.md'), bytes)
    rmSync(join(home, 'uploads', '.partial', id))
    await start()
    const { run } = await readingOf(id)
    expect(run.outcome).toBe('done')
    expect((await finish(id)).upload).toMatchObject({ state: 'complete', name: 'moved.md' })
  })
})

describe('a collection that is deleted', () => {
  it('takes its uploads along, and a later one of the same id does not find them', async () => {
    const { id } = await sendFile('secret.md', text('# Secret\n\nthe vanished plan'))
    await readingOf(id)
    const open = newId()
    await create({ id: open, name: 'open.txt', size: 10 })
    await part(open, 0, text('01234'))
    await api(`/collections/${collectionId}`, { method: 'DELETE' })
    await expect.poll(() => existsSync(join(home, 'uploads', collectionId))).toBe(false)
    await expect.poll(partials).toEqual([])
    expect((await finish(open)).error.code).toBe('upload_unknown')
    await api('/collections', { method: 'POST', json: { id: collectionId, name: 'Shared' } })
    const next = await sendFile('next.md', text('# Next\n\nnothing else'))
    await readingOf(next.id)
    const { documents } = await api(`/collections/${collectionId}/documents`)
    expect(documents.map(({ title }: Loose) => title)).toEqual(['Next'])
    // Kept aside for thirty days, then gone.
    const [kept = ''] = readdirSync(join(home, 'uploads', '.removed'))
    expect(kept).toMatch(/^shared-files\.\d+$/)
    expect(readdirSync(join(home, 'uploads', '.removed', kept))).toEqual(['secret.md'])
  })
})

/** Sends zeros until the companion has had enough. */
async function endless(id: string): Promise<{ status: number; error: Loose; sent: number }> {
  const piece = new Uint8Array(64 * 1024)
  let sent = 0
  return new Promise((resolve, reject) => {
    const request = open(id, 0)
    let over = false
    request.once('response', (response) => {
      over = true
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, error: JSON.parse(body).error, sent })
        request.destroy()
      })
    })
    request.on('error', (error) => over || reject(error))
    const push = (): void => {
      if (over || sent > 1_000_000_000) return
      sent += piece.length
      if (request.write(piece)) setImmediate(push)
      else request.once('drain', push)
    }
    push()
  })
}

/** A part that begins and never ends. */
function hang(id: string, bytes: Uint8Array, offset = 0) {
  const request = open(id, offset)
  request.on('error', () => {})
  request.write(bytes)
  return request
}

function open(id: string, offset: number) {
  return httpRequest(`${companion.url}/api/uploads/${id}?offset=${offset}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${companion.token}` },
  })
}
