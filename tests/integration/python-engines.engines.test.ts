import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { MlxEngine } from '#companion/engines/mlx/engine.ts'
import { mlxEnvironment } from '#companion/engines/mlx/environment.ts'
import { OpenVinoEngine } from '#companion/engines/openvino/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import { findPython, installPython } from '#companion/process/python-environment.ts'
import type { GenerateRequest, LoadedModel, ModelFile } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { chat, collect, failure } from '#tests/contracts/engine.ts'
import { testEngines, testModel, type TestModel } from '#tests/models.ts'

const forever = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'silo-python-engines-'))
let engine: MlxEngine | OpenVinoEngine

afterEach(() => engine?.[Symbol.asyncDispose]())
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const kinds = [
  ['mlx', () => new MlxEngine({ directory: testEngines, log: silentLog })],
  ['openvino', () => new OpenVinoEngine({ directory: testEngines, log: silentLog })],
] as const

function fileOf(id: TestModel): ModelFile {
  return { id, path: testModel(id), sha256: '0'.repeat(64), task: 'chat' }
}

function load(make: () => MlxEngine | OpenVinoEngine): Promise<LoadedModel> {
  engine = make()
  return engine.load(fileOf('smollm2-135m'), { contextTokens: 1024, parallel: 2 }, { signal: forever }) // prettier-ignore
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function gone(pid: number): Promise<void> {
  for (let waited = 0; isRunning(pid); waited += 50) {
    if (waited > 10_000) throw new Error(`process ${pid} goes on`)
    await sleep(50)
  }
}

describe.each(kinds)('%s', (name, make) => {
  it('says which versions it is', async () => {
    engine = make()
    const probe = await engine.probe(forever)
    expect(probe).toMatchObject({ available: true, backend: 'cpu' })
    expect(probe.build).toMatch(/^[a-z-]+ \d+\.[\d.]+ \/ [a-z]+ \d+\.[\d.]+$/)
  })

  it('that is killed ends an answer with engine_crashed, and answers the next one', async () => {
    const model = await load(make)
    const states: string[] = []
    engine.onStateChange((state) => states.push(state))
    const [pid] = engine.pids
    let said = ''
    const answer = (async () => {
      const request = { prompt: chat('Tell me a very long story.'), temperature: 0 }
      for await (const event of model.generate(request, forever)) {
        if (event.type !== 'text') continue
        if (!said) process.kill(pid!, 'SIGKILL')
        said += event.text
      }
    })()
    expect((await failure(answer)).code).toBe('engine_crashed')
    expect(said).not.toBe('')
    while (states.at(-1) !== 'ready') await sleep(20)
    const { text } = await collect(model, { prompt: chat('Hello'), temperature: 0, maxTokens: 8 })
    expect(text).not.toBe('')
    expect(states).toEqual(['restarting', 'ready'])
    const [second] = engine.pids
    await model[Symbol.asyncDispose]()
    expect(isRunning(second!)).toBe(false)
  })

  it('answers nobody without the key, and not what is no request', async () => {
    const model = await load(make)
    const [pid] = engine.pids
    const line = execFileSync('ps', ['-o', 'args=', '-p', String(pid)]).toString()
    expect(line).not.toMatch(/key|bearer/i)
    const port = /--port (\d+)/.exec(line)![1]
    const ask = (path: string, init: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init)
    for (const [path, method] of [
      ['/health', 'GET'],
      ['/generate', 'POST'],
      ['/v1/models', 'GET'],
    ])
      // prettier-ignore
      expect((await ask(path!, { method: method! })).status).toBe(401)
    const wrong = { headers: { authorization: 'Bearer é' } }
    expect((await ask('/health', wrong)).status).toBe(401)
    expect((await collect(model, { prompt: chat('Hi'), maxTokens: 2 })).end.reason).toBe('length')
  })

  it('ends an answer that nobody waits for, before it is done', async () => {
    const model = await load(make)
    const controller = new AbortController()
    const request = { prompt: chat('Tell me a very long story.'), temperature: 0, maxTokens: 900 }
    const started = Date.now()
    for await (const event of model.generate(request, controller.signal))
      if (event.type === 'text') controller.abort()
    // One after the other: had the first two gone on, these would wait for them.
    await Promise.all([0, 1].map(() => collect(model, { prompt: chat('Hi'), maxTokens: 2 })))
    expect(Date.now() - started).toBeLessThan(20_000)
  })

  it('keeps to a format, or says that the model did not', async () => {
    const model = await load(make)
    const schema = { type: 'object', properties: { colour: { enum: ['red', 'blue'] } }, required: ['colour'] } // prettier-ignore
    const request: GenerateRequest = { prompt: chat('A colour?'), temperature: 0, maxTokens: 40, format: { type: 'json-schema', schema } } // prettier-ignore
    const colours = await collect(model, request).then(
      ({ text, end }) => (end.reason === 'length' ? [] : [JSON.parse(text).colour]),
      (error: unknown) => (error instanceof SiloError ? [error.code] : [String(error)]),
    )
    const wanted = name === 'mlx' ? ['red', 'blue', 'grammar_invalid'] : ['red', 'blue']
    for (const colour of colours) expect(wanted).toContain(colour)
    if (name === 'openvino') expect(colours).toHaveLength(1)
    const odd = { ...request, format: { type: 'json-schema', schema: { not: {} } } } as const
    expect((await failure(collect(model, odd))).code).toBe('grammar_invalid')
  })

  it('refuses a kind of model that it does not take', async () => {
    engine = make()
    const plan = { contextTokens: 512, parallel: 1 }
    const other = engine.load(fileOf('multilingual-e5-small'), plan, { signal: forever })
    expect((await failure(other)).code).toBe('engine_unavailable')
    expect(engine.pids).toEqual([])
  })
})

describe('openvino', () => {
  const make = kinds[1][1]

  it('writes a call of a tool that is forced', async () => {
    const model = await load(make)
    const tools = [{ name: 'get_time', parameters: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] } }] // prettier-ignore
    const prompt = { kind: 'chat', messages: [{ role: 'user', content: 'What time is it in Berlin?' }], tools } as const // prettier-ignore
    const { events, end } = await collect(model, { prompt, temperature: 0, maxTokens: 60, format: { type: 'tool' } }) // prettier-ignore
    expect(events.find((event) => event.type === 'tool-call')).toMatchObject({ call: { name: 'get_time' } }) // prettier-ignore
    expect(end.reason).toBe('tool-calls')
  })

  it('gives characters of several tokens whole', async () => {
    const model = await load(make)
    const prompt = { kind: 'text', text: '<|im_start|>user\nSchreibe: Größe, 你好 😀<|im_end|>\n<|im_start|>assistant\n' } as const // prettier-ignore
    const { events, text } = await collect(model, { prompt, temperature: 0, maxTokens: 30 })
    expect(text).toContain('😀')
    for (const event of events) if (event.type === 'text') expect(event.text).not.toContain('\uFFFD') // prettier-ignore
  })

  it('ends with the companion, even if that is killed', async () => {
    const script = fileURLToPath(new URL('../fakes/openvino-owner.ts', import.meta.url))
    const owner = spawn(process.execPath, [script, testEngines, testModel('smollm2-135m')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = await new Promise<number>((resolve) => {
      owner.stdout.once('data', (data) => resolve(Number(data)))
    })
    expect(isRunning(pid)).toBe(true)
    owner.kill('SIGKILL')
    await gone(pid)
  })

  it('refuses a file with tensors that it cannot read', async () => {
    engine = make()
    const loading = engine.load(fileOf('qwen2.5-coder-0.5b'), { contextTokens: 512, parallel: 1 }, { signal: forever }) // prettier-ignore
    expect((await failure(loading)).code).toBe('engine_unavailable')
  })
})

describe('an environment', () => {
  it('that was left half made is made anew by the real Python and pip', async () => {
    const environment = { name: 'small-python', requirements: join(folder, 'small.txt'), size: 1e6 }
    writeFileSync(environment.requirements, 'mdurl==0.1.2\n')
    mkdirSync(join(folder, environment.name, 'bin'), { recursive: true })
    writeFileSync(join(folder, environment.name, 'bin', 'python'), 'rubbish')
    expect(findPython(folder, environment)).toBeUndefined()
    const program = await installPython(environment, { directory: folder, log: silentLog, signal: forever }) // prettier-ignore
    expect(execFileSync(program, ['-c', 'import mdurl; print(1)']).toString().trim()).toBe('1')
    expect(findPython(folder, environment)).toBe(program)
  })

  it('has no telemetry in it', () => {
    for (const name of ['openvino-python', mlxEnvironment.name])
      expect(execFileSync('find', [join(testEngines, name), '-name', 'openvino_telemetry']).toString()).toBe('') // prettier-ignore
    expect(existsSync(join(testEngines, mlxEnvironment.name, 'tmp'))).toBe(false)
  })
})
