import { spawn } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { newId } from '#shared/domain/ids.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { testModel } from '#tests/models.ts'
import type { Loose } from './gateway-harness.ts'

const launcher = fileURLToPath(new URL('../../companion/setup/silo.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'silo-cli-safety-'))
const home = join(folder, 'home')
const restored = join(folder, 'restored')
const backupFile = join(folder, 'all.silo')
const passphraseFile = join(folder, 'passphrase')
const passphrase = 'eine lange Passphrase 口令'
const fact = 'The tulips are watered every Tuesday.'
const collectionId = 'garden-collection'

beforeAll(() => {
  mkdirSync(join(home, 'models'), { recursive: true })
  linkModel(home)
  mkdirSync(join(folder, 'documents'))
  writeFileSync(join(folder, 'documents', 'garden.md'), `# Tulips\n\n${fact}\n`)
  writeFileSync(passphraseFile, `${passphrase}\n`)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function linkModel(where: string): void {
  mkdirSync(join(where, 'models'), { recursive: true })
  symlinkSync(
    testModel('multilingual-e5-small'),
    join(where, 'models', 'multilingual-e5-small.gguf'),
  )
}

async function start(where: string, env: Record<string, string> = {}): Promise<Companion> {
  return startCompanion(loadConfig({ SILO_HOME: where, SILO_PORT: '0', SILO_OFFLINE: '1', SILO_LINK: '0', ...env }), { engine: createFakeEngine() }) // prettier-ignore
}

async function api(companion: Companion, path: string, body?: unknown): Promise<Loose> {
  const response = await fetch(`${companion.url}/api${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${companion.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return response.json()
}

async function silo(
  where: string,
  ...args: string[]
): Promise<{ code: number; out: Loose; text: string }> {
  // prettier-ignore
  const child = spawn(process.execPath, [launcher, ...args, '--json'], {
    env: { ...process.env, SILO_HOME: where, LANG: 'C' },
  })
  let text = ''
  child.stdout.on('data', (part) => (text += part))
  child.stderr.on('data', (part) => (text += part))
  const code = await new Promise<number>((resolve) => child.once('close', (end) => resolve(end ?? 1))) // prettier-ignore
  const last = text.trim().split('\n').at(-1) ?? ''
  return { code, out: last.startsWith('{') ? JSON.parse(last) : undefined, text }
}

async function answersFrom(companion: Companion): Promise<string> {
  const { hits } = await api(companion, '/search', { query: 'tulips watered', collectionIds: [collectionId] }) // prettier-ignore
  const { text } = await api(companion, `/documents/${hits[0].documentId}/text`)
  return text
}

const onDisk = (where: string) =>
  globSync(join(where, 'vault', 'texts', '*.txt')).map((path) => readFileSync(path, 'utf8'))

test('a backup taken while the companion runs, encryption, and a restored home all give the same answer', async () => {
  const companion = await start(home)
  await api(companion, '/collections', { id: collectionId, name: 'Garden' })
  const runId = newId()
  await api(companion, '/runs', { kind: 'ingest', id: runId, collectionId, paths: [join(folder, 'documents')] }) // prettier-ignore
  await expect
    .poll(async () => (await api(companion, `/runs/${runId}/events`)).events?.at(-1)?.body.type, {
      timeout: 30_000,
    }) // prettier-ignore
    .toBe('run-ended')
  expect(await answersFrom(companion)).toContain(fact)

  const made = await silo(home, 'backup', backupFile, '--new-passphrase-file', passphraseFile)
  expect(made, made.text).toMatchObject({ code: 0, out: { path: backupFile } })
  expect(readFileSync(backupFile).includes('tulips')).toBe(false)
  // Nothing of the folder is changed under a running companion.
  const busy = await silo(home, 'encrypt', 'on', '--new-passphrase-file', passphraseFile)
  expect(busy).toMatchObject({ code: 1, out: { error: { code: 'home_in_use' } } })
  // The app does the same, and remembers when.
  const fromApp = { id: newId(), folder, name: 'app.silo', passphrase }
  expect((await api(companion, '/safety')).lastBackup).toBeUndefined()
  for (const [change, refusal] of [
    [{ passphrase: 'short' }, 'passphrase_short'],
    [{ folder: 'relative' }, 'path_not_absolute'],
    [{ folder: join(folder, 'none') }, 'path_not_found'],
    [{ folder: join(home, 'notes', '..') }, 'conflict'],
    [{ name: '../up' }, 'bad_request'],
  ] as const)
    expect((await api(companion, '/backups', { ...fromApp, ...change })).error.code).toBe(refusal)
  expect((await api(companion, '/backups', fromApp)).run.kind).toBe('backup')
  await expect
    .poll(async () => (await api(companion, '/safety')).lastBackup, { timeout: 30_000 })
    .toMatchObject({ path: join(folder, 'app.silo'), files: made.out.files })
  const { events } = await api(companion, `/runs/${fromApp.id}/events`)
  expect(JSON.stringify(events)).not.toContain(passphrase)
  await companion.close()

  expect((await silo(home, 'encrypt')).out).toEqual({ encrypted: false })
  expect(onDisk(home).join()).toContain(fact)
  mkdirSync(join(home, 'kv-pages', 'x'), { recursive: true })
  writeFileSync(join(home, 'kv-pages', 'x', 'page.kv'), 'what a model read')
  const on = await silo(home, 'encrypt', 'on', '--passphrase', '--new-passphrase-file', passphraseFile) // prettier-ignore
  expect(on, on.text).toMatchObject({ code: 0, out: { encrypted: true, method: 'passphrase' } })
  expect(on.out.recoveryCode).toMatch(/^[0-9A-Z]{5}(-[0-9A-Z]{1,5}){5}$/)
  expect(onDisk(home)).toHaveLength(1)
  expect(onDisk(home).join()).not.toContain('tulips')
  await expect(start(home)).rejects.toMatchObject({ code: 'home_locked' })
  await expect(start(home, { SILO_PASSPHRASE: 'wrong one' })).rejects.toMatchObject({ code: 'passphrase_wrong' }) // prettier-ignore
  const unlocked = await start(home, { SILO_PASSPHRASE_FILE: passphraseFile })
  expect(await answersFrom(unlocked)).toContain(fact)
  // What models computed holds what they read: nothing of it stays, nothing is added.
  await expect
    .poll(() => api(unlocked, '/computed-context'), { timeout: 10_000 })
    .toEqual({ bytes: 0, maxBytes: 0, sealed: true })
  await unlocked.close()

  const back = await silo(
    restored,
    'restore',
    join(folder, 'app.silo'),
    '--passphrase-file',
    passphraseFile,
  )
  expect(back, back.text).toMatchObject({ code: 0, out: { files: made.out.files } })
  linkModel(restored)
  const second = await start(restored)
  expect(await answersFrom(second)).toContain(fact)
  expect(second.token).toBe(readFileSync(join(home, 'token'), 'utf8').trim())
  await second.close()
}, 120_000)
