import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import { createFakeEngine, type FakeEngine } from '#tests/fakes/engine.ts'
import { testModel } from '#tests/models.ts'

const launcher = fileURLToPath(new URL('../../companion/setup/silo.mjs', import.meta.url))
let home: string
let emptyHome: string
let documents: string
let companion: Companion
let engine: FakeEngine

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-cli-'))
  emptyHome = mkdtempSync(join(tmpdir(), 'silo-cli-empty-'))
  documents = mkdtempSync(join(tmpdir(), 'silo-cli-documents-'))
  for (const folder of [home, emptyHome]) {
    mkdirSync(join(folder, 'models'))
    symlinkSync(testModel('smollm2-135m'), join(folder, 'models', 'smollm2-135m.gguf'))
  }
  symlinkSync(
    testModel('multilingual-e5-small'),
    join(home, 'models', 'multilingual-e5-small.gguf'),
  )
  writeFileSync(join(documents, 'garden.md'), '# Tulips\n\nThe tulips are watered every Tuesday.\n')
  writeFileSync(join(documents, 'broken.pdf'), '%PDF-1.7\n1 0 obj\n')
  engine = createFakeEngine({
    delayMs: 2,
    reply(request) {
      const messages = request.prompt.kind === 'chat' ? request.prompt.messages : []
      const last = messages.at(-1)?.content ?? ''
      if (last.includes('endless')) return Array.from({ length: 5000 }, () => ' word')
      if (messages.some((message) => message.content.includes('tulips are watered')))
        return 'Every Tuesday [1].'
      return 'Hello from the model.'
    },
  })
  companion = await startCompanion(
    { ...loadConfig({ SILO_HOME: home, SILO_PORT: '0' }), offline: true },
    { engine },
  )
})

afterAll(async () => {
  await companion?.close()
  for (const folder of [home, emptyHome, documents])
    rmSync(folder, { recursive: true, force: true })
})

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `silo` as a person would, against the companion of the test unless `env` says otherwise. */
function silo(
  args: string[],
  env: Record<string, string> = {},
  onOutput?: (stdout: string, interrupt: () => void) => void,
): Promise<Finished> {
  const child = spawn(process.execPath, [launcher, ...args], {
    env: {
      ...process.env,
      SILO_HOME: home,
      // Found by the note it leaves in its data folder, not by the configured port.
      SILO_PORT: '1',
      LC_ALL: 'C.UTF-8',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
    onOutput?.(stdout, () => child.kill('SIGINT'))
  })
  child.stderr.on('data', (chunk) => (stderr += chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
  })
}

const eventsOf = (output: Finished): RunEvent[] =>
  output.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent)

test('says how it is used, in English and Chinese', async () => {
  const english = await silo(['--help'])
  expect(english).toMatchObject({ code: 0, stderr: '' })
  expect(english.stdout).toContain('Usage: silo')
  const chinese = await silo(['ask', '--help'], { LC_ALL: 'zh_CN.UTF-8' })
  expect(chinese.stdout).toContain('用法：silo ask')
  const unknown = await silo(['frobnicate'])
  expect(unknown.code).toBe(1)
  expect(unknown.stdout).toBe('')
  expect(unknown.stderr).toContain('There is no command “frobnicate”')
  const option = await silo(['ask', 'x', '--nonsense', '--json'])
  expect(option.code).toBe(1)
  expect(JSON.parse(option.stdout)).toMatchObject({ error: { code: 'bad_request' } })
})

test('says in the user’s language that no companion runs', async () => {
  const env = { SILO_HOME: emptyHome, SILO_PORT: '1' }
  const chinese = await silo(['status'], { ...env, LC_ALL: '', LANG: 'zh_CN.UTF-8' })
  expect(chinese.code).toBe(1)
  expect(chinese.stderr).toContain('无法连接伴侣程序')
  const json = await silo(['models', '--json'], env)
  expect(json.code).toBe(1)
  expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'companion_unreachable' } })
})

test('doctor checks the machine with and without a companion', async () => {
  const env = { SILO_HOME: emptyHome, SILO_PORT: '0' }
  const alone = await silo(['doctor', '--json'], env)
  expect(alone.code).toBe(0)
  const { ok, checks } = JSON.parse(alone.stdout) as {
    ok: boolean
    checks: { id: string; state: string; detail: string }[]
  }
  expect(ok).toBe(true)
  const state = Object.fromEntries(checks.map((check) => [check.id, check.state]))
  expect(state).toMatchObject({
    runtime: 'ok',
    home: 'ok',
    'model:smollm2-135m': 'ok',
    'model:multilingual-e5-small': 'warn',
    companion: 'warn',
  })
  const beside = await silo(['doctor'])
  expect(beside.code).toBe(0)
  expect(beside.stdout).toContain(`Companion: ${companion.url}`)

  const damaged = mkdtempSync(join(tmpdir(), 'silo-cli-damaged-'))
  mkdirSync(join(damaged, 'models'))
  writeFileSync(join(damaged, 'models', 'smollm2-135m.gguf'), 'GGUF, but not much of it')
  const broken = await silo(['doctor'], { ...env, SILO_HOME: damaged })
  rmSync(damaged, { recursive: true })
  expect(broken.code).toBe(1)
  expect(broken.stdout).toContain('Model smollm2-135m: 24 B, damaged')
})

test('shows the status', async () => {
  const text = await silo(['status'])
  expect(text.stdout).toContain('Engine: fake')
  const json = await silo(['status', '--json'])
  expect(JSON.parse(json.stdout)).toMatchObject({ engine: { id: 'fake' }, home })
})

test('asks, streams the answer, and reports failure', async () => {
  const text = await silo(['ask', 'Who are you?'])
  expect(text.stdout).toBe('Hello from the model.\n')
  expect(text.code).toBe(0)
  const events = eventsOf(await silo(['ask', 'Who are you?', '--json']))
  expect(events.map((event) => event.seq)).toEqual(events.map((_event, index) => index))
  expect(events[0]!.body.type).toBe('run-started')
  expect(events.at(-1)!.body).toMatchObject({ type: 'run-ended', outcome: 'done' })
  const answer = events.map(({ body }) => (body.type === 'text-delta' ? body.text : '')).join('')
  expect(answer).toBe('Hello from the model.')

  const unknown = await silo(['ask', 'x', '--model', 'no-such-model'], { LC_ALL: 'zh_CN.UTF-8' })
  expect(unknown.code).toBe(1)
  expect(unknown.stderr).toContain('没有名为“no-such-model”的模型')
  const nowhere = await silo(['ask', 'x', '--collection', 'No such collection'])
  expect(nowhere).toMatchObject({ code: 1, stderr: 'Error: There is no such collection.\n' })
  expect(await silo(['ask'])).toMatchObject({ code: 1, stdout: '' })
})

test('Ctrl-C cancels the run and keeps what was said', async () => {
  let interrupted = false
  const stopped = await silo(['ask', 'endless', '--json'], {}, (stdout, interrupt) => {
    if (interrupted || !stdout.includes('text-delta')) return
    interrupted = true
    interrupt()
  })
  expect(stopped.code).toBe(130)
  expect(eventsOf(stopped).at(-1)!.body).toMatchObject({
    type: 'run-ended',
    outcome: 'cancelled',
  })
  await vi.waitFor(async () => {
    const status = JSON.parse((await silo(['status', '--json'])).stdout) as {
      activeRuns: unknown[]
    }
    expect(status.activeRuns).toEqual([])
  })
})

test('reads a folder, says what could not be read, and answers from it with its source', async () => {
  const first = await silo(['ingest', documents, '--collection', 'Garden'])
  expect(first).toMatchObject({ code: 0 })
  expect(first.stdout).toContain('Collection “Garden”')
  expect(first.stderr).toContain('broken.pdf')
  const again = eventsOf(await silo(['ingest', documents, '--collection', 'Garden', '--json']))
  expect(again.at(-1)!.body).toMatchObject({
    type: 'run-ended',
    outcome: 'done',
    counts: { unchanged: 1 },
  })
  const answer = await silo(['ask', 'When are the tulips watered?', '--collection', 'Garden'])
  expect(answer.code).toBe(0)
  expect(answer.stdout).toContain('Every Tuesday [1].\n\nSources:\n  [1] ')
  expect(answer.stdout).toContain('garden.md')
  const missing = await silo(['ingest', join(documents, 'nowhere'), '--collection', 'Garden'])
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain('There is no file or folder at')
})

test('checks the vault, and repairs what it finds', async () => {
  expect((await silo(['vault', 'frob'])).code).toBe(1)
  const clean = await silo(['vault', 'check'])
  expect(clean).toMatchObject({ code: 0 })
  expect(clean.stdout).toContain('The vault is in order: 1 documents')
  writeFileSync(join(home, 'vault', 'texts', `${'e'.repeat(32)}.txt`), 'of nobody')
  const found = await silo(['vault', 'check'], { LC_ALL: 'zh_CN.UTF-8' })
  expect(found.code).toBe(2)
  expect(found.stdout).toContain('1 × 无对应文档的文本 · 未修复')
  expect((await silo(['vault', 'check', '--repair'])).stdout).toContain('extracted texts of no document · repaired') // prettier-ignore
  const last = JSON.parse((await silo(['vault', 'check', '--json'])).stdout.trim().split('\n').at(-1)!) as { report: unknown } // prettier-ignore
  expect(last.report).toMatchObject({ findings: [], repair: false })
})

test('lists, imports and removes models', async () => {
  const list = await silo(['models'])
  expect(list.stdout).toMatch(/smollm2-135m\s+chat\s+\d\d\.\d MB\s+(installed|loaded|imported)/)
  const { models } = JSON.parse((await silo(['models', 'list', '--json'])).stdout) as {
    models: { entry: { id: string }; installed: boolean }[]
  }
  expect(models.find((model) => model.entry.id === 'smollm2-135m')?.installed).toBe(true)
  const pulled = await silo(['models', 'pull', 'smollm2-135m'])
  expect(pulled).toMatchObject({ code: 0, stdout: '“smollm2-135m” is already here.\n' })
  expect((await silo(['models', 'pull', 'no-such-model'])).stderr).toContain('no-such-model')

  const copy = join(documents, 'my-own.gguf')
  symlinkSync(testModel('smollm2-135m'), copy)
  const imported = await silo(['models', 'import', copy, '--name', 'My own', '--json'])
  const { model } = JSON.parse(imported.stdout) as { model: { entry: { id: string } } }
  expect(imported.code).toBe(0)
  const removed = await silo(['models', 'remove', model.entry.id])
  expect(removed).toMatchObject({ code: 0 })
  writeFileSync(join(documents, 'bad.gguf'), 'not a model')
  const bad = await silo(['models', 'import', join(documents, 'bad.gguf')])
  expect(bad.code).toBe(1)
  expect(bad.stderr).toContain('damaged or not a GGUF model')
})
