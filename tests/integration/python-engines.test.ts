import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { MlxEngine } from '#companion/engines/mlx/engine.ts'
import { mlxEnvironment } from '#companion/engines/mlx/environment.ts'
import { OpenVinoEngine } from '#companion/engines/openvino/engine.ts'
import { openVinoEnvironment } from '#companion/engines/openvino/environment.ts'
import { silentLog } from '#companion/observe/log.ts'
import type { PythonEnvironment } from '#companion/process/python-environment.ts'
import { chat, collect, failure } from '#tests/contracts/engine.ts'
import { testModel } from '#tests/models.ts'

/** The engines in Python with other programs in the place of Python: what they do when that is missing or misbehaves. */
const forever = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'silo-no-python-'))
let engine: MlxEngine | OpenVinoEngine | undefined

afterEach(() => engine?.[Symbol.asyncDispose]())
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A folder of engines where `source` runs in the place of an environment's Python. */
function engines(environment: PythonEnvironment, source: string): string {
  const directory = mkdtempSync(join(folder, 'engines-'))
  const own = join(directory, environment.name)
  mkdirSync(join(own, 'bin'), { recursive: true })
  writeFileSync(join(own, 'bin', 'python'), `#!${process.execPath}\n${source}`, { mode: 0o700 })
  const requirements = createHash('sha256').update(readFileSync(environment.requirements)).digest('hex') // prettier-ignore
  writeFileSync(join(own, 'installed.json'), JSON.stringify({ requirements }))
  return directory
}

function openVino(source: string): OpenVinoEngine {
  const made = new OpenVinoEngine({ directory: engines(openVinoEnvironment, source), log: silentLog }) // prettier-ignore
  engine = made
  return made
}

function load(made: MlxEngine | OpenVinoEngine, signal = forever) {
  const file = { id: 'smol', path: testModel('smollm2-135m'), sha256: 'a'.repeat(64), task: 'chat' } as const // prettier-ignore
  return made.load(file, { contextTokens: 512, parallel: 1 }, { signal })
}

describe.skipIf(process.platform === 'win32')('engines in Python', () => {
  it('are not available where they are not installed, or only half', async () => {
    const directory = join(folder, 'none')
    for (const made of [
      new MlxEngine({ directory, log: silentLog }),
      new OpenVinoEngine({ directory, log: silentLog }),
    ]) {
      // prettier-ignore
      const probe = await made.probe(forever)
      expect(probe).toMatchObject({ available: false, build: 'none', reason: `${made.id} is not installed` }) // prettier-ignore
      expect((await failure(load(made))).code).toBe('engine_unavailable')
      mkdirSync(join(directory, `${made.id}-python`, 'bin'), { recursive: true })
      writeFileSync(join(directory, `${made.id}-python`, 'bin', 'python'), '')
      expect((await made.probe(forever)).available).toBe(false)
      expect(made.state).toBe('idle')
    }
  })

  it('say why they do not start', async () => {
    const broken = openVino('console.error("ImportError: libgomp.so.1"); process.exit(1)')
    const probe = await broken.probe(forever)
    expect(probe.available).toBe(false)
    expect(probe.reason).toContain('libgomp')
    const odd = openVino('console.log("{}")')
    expect((await odd.probe(forever)).available).toBe(false)
  })

  it('whose server prints rubbish and ends, or has no memory, give a clear error', async () => {
    const rubbish = openVino('process.stdout.write("\\u0000 rubbish".repeat(1e5)); process.exit(3)')
    expect((await failure(load(rubbish))).code).toBe('model_load_failed')
    expect(rubbish.state).toBe('failed')
    const full = openVino('console.error("MemoryError: std::bad_alloc"); process.exit(1)')
    expect((await failure(load(full))).code).toBe('out_of_memory')
  })

  it('whose server never gets healthy are given up with the one who waits', async () => {
    const mute = openVino('setInterval(() => {}, 1000)')
    const controller = new AbortController()
    const loading = load(mute, controller.signal)
    loading.catch(() => {})
    while (mute.pids.length === 0) await sleep(20)
    const [pid] = mute.pids
    controller.abort(new Error('enough'))
    await expect(loading).rejects.toThrow('enough')
    expect(() => process.kill(pid!, 0)).toThrow()
    expect(mute.state).toBe('idle')
  })

  it('whose server answers with rubbish crash, and do not hang', async () => {
    const odd = openVino(`
      const port = process.argv[process.argv.indexOf('--port') + 1]
      require('node:http').createServer((request, response) => {
        if (request.method === 'GET') return response.end('{"bos":"","eos":""}')
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end('data: {"choices": 7}\\n\\n')
      }).listen(port, '127.0.0.1')`)
    const model = await load(odd)
    expect((await failure(collect(model, { prompt: chat('Hi') }))).code).toBe('engine_crashed')
    expect((await failure(model.countTokens(chat('Hi'), forever))).code).toBe('engine_crashed')
  })
})

/** What stands for Python where a model is converted: it makes the folder, then does `body`. */
function converts(body: string): string {
  return `
    const { mkdirSync, writeFileSync } = require('node:fs')
    const args = process.argv.slice(2)
    const out = args[args.indexOf('--out') + 1]
    if (args.includes('--out')) { mkdirSync(out); writeFileSync(out + '/model.safetensors', 'x'); ${body} }
    else process.exit(3)`
}

function mlx(body: string, maxConvertedBytes?: number) {
  const directory = engines(mlxEnvironment, converts(body))
  const made = new MlxEngine({ directory, log: silentLog, ...(maxConvertedBytes === undefined ? {} : { maxConvertedBytes }) }) // prettier-ignore
  engine = made
  return { made, kept: join(directory, 'mlx-models') }
}

describe.skipIf(process.platform === 'win32')('the conversion for MLX', () => {
  it('is put in place whole, under the hash of the model', async () => {
    const { made, kept } = mlx('')
    expect((await failure(load(made))).code).toBe('model_load_failed')
    expect(readdirSync(kept)).toEqual([`${'a'.repeat(64)}-float32-1`])
  })

  it('that fails or finds a full disk leaves nothing', async () => {
    const failing = mlx('process.exit(1)')
    expect((await failure(load(failing.made))).code).toBe('model_load_failed')
    expect(readdirSync(failing.kept)).toEqual([])
    const full = mlx('console.error("OSError: [Errno 28] No space left on device"); process.exit(1)') // prettier-ignore
    expect((await failure(load(full.made))).code).toBe('disk_full')
  })

  it('that is stopped leaves nothing', async () => {
    const { made, kept } = mlx('setInterval(() => {}, 1000)')
    const controller = new AbortController()
    const loading = load(made, controller.signal)
    loading.catch(() => {})
    while (!existsSync(kept) || readdirSync(kept).length === 0) await sleep(20)
    controller.abort(new Error('enough'))
    await expect(loading).rejects.toThrow('enough')
    expect(readdirSync(kept)).toEqual([])
  })

  it('makes room: what a killed process left goes, and what was not used for longest', async () => {
    const { made, kept } = mlx('', 600_000_000)
    for (const name of ['.partial-999999999-x', 'old']) mkdirSync(join(kept, name), { recursive: true }) // prettier-ignore
    writeFileSync(join(kept, 'old', 'model.safetensors'), Buffer.alloc(100_000_000))
    await failure(load(made))
    expect(readdirSync(kept)).toEqual([`${'a'.repeat(64)}-float32-1`])
  })
})
