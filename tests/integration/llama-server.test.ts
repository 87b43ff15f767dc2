import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { LlamaServerEngine } from '#companion/engines/llama-server/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import type { LoadedModel } from '#shared/contracts/engine.ts'
import { chat, collect, failure } from '#tests/contracts/engine.ts'
import { testLlamaServer, testModel } from '#tests/models.ts'

const forever = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'silo-sidecar-'))
let engine: LlamaServerEngine

afterEach(async () => {
  await engine?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})

function load(binary: string, signal = forever): Promise<LoadedModel> {
  engine = new LlamaServerEngine({ binary: () => binary, log: silentLog, gpu: 'cpu' })
  const file = { id: 'smol', path: testModel('smollm2-135m'), sha256: '0'.repeat(64), task: 'chat' } as const // prettier-ignore
  return engine.load(file, { contextTokens: 1024, parallel: 2 }, { signal })
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

/** A program in the place of llama-server. */
function program(source: string): string {
  rmSync(folder, { recursive: true, force: true })
  const made = mkdtempSync(`${folder}-`)
  const path = join(made, 'llama-server')
  writeFileSync(path, `#!${process.execPath}\n${source}`, { mode: 0o700 })
  return path
}

describe('llama-server', () => {
  it('that is killed ends an answer with engine_crashed, and answers the next one', async () => {
    const model = await load(testLlamaServer())
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

  it('answers nobody without the key', async () => {
    await load(testLlamaServer())
    const [pid] = engine.pids
    const { execFileSync } = await import('node:child_process')
    const line = execFileSync('ps', ['-o', 'args=', '-p', String(pid)]).toString()
    const port = /--port (\d+)/.exec(line)![1]
    expect(line).not.toMatch(/key/i)
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: 'POST', body: '{"messages":[{"role":"user","content":"x"}]}' }) // prettier-ignore
    expect(answer.status).toBe(401)
  })

  it('ends with the companion, even if that is killed', async () => {
    const script = fileURLToPath(new URL('../fakes/llama-server-owner.ts', import.meta.url))
    const owner = spawn(process.execPath, [script, testLlamaServer(), testModel('smollm2-135m')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = await new Promise<number>((resolve) => {
      owner.stdout.once('data', (data) => resolve(Number(data)))
    })
    expect(isRunning(pid)).toBe(true)
    owner.kill('SIGKILL')
    await gone(pid)
  })

  it('writes a call of a tool that is forced', async () => {
    const model = await load(testLlamaServer())
    const tools = [{ name: 'get_time', parameters: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] } }] // prettier-ignore
    const prompt = { kind: 'chat', messages: [{ role: 'user', content: 'What time is it in Berlin?' }], tools } as const // prettier-ignore
    const { events, end } = await collect(model, { prompt, temperature: 0, maxTokens: 60, format: { type: 'tool' } }) // prettier-ignore
    const call = events.find((event) => event.type === 'tool-call')
    expect(call).toMatchObject({ call: { name: 'get_time' } })
    expect(end.reason).toBe('tool-calls')
    const { text } = await collect(model, { prompt: chat('A colour?'), temperature: 0, maxTokens: 40, format: { type: 'json-schema', schema: { type: 'object', properties: { colour: { enum: ['red', 'blue'] } }, required: ['colour'] } } }) // prettier-ignore
    expect(['red', 'blue']).toContain(JSON.parse(text).colour)
  })

  it('that prints rubbish and ends, or is no program, is a clear error', async () => {
    const rubbish = program(
      'process.stdout.write("\\u0000\\u0001 rubbish".repeat(1e5)); process.exit(3)',
    )
    expect((await failure(load(rubbish))).code).toBe('model_load_failed')
    await engine[Symbol.asyncDispose]()
    expect((await failure(load(join(folder, 'none')))).code).toBe('model_load_failed')
    expect((await engine.probe(forever)).available).toBe(false)
  })

  it('that has no memory says so', async () => {
    const full = program(
      'process.stderr.write("ggml: failed to allocate CPU buffer"); process.exit(1)',
    )
    expect((await failure(load(full))).code).toBe('out_of_memory')
  })

  it('that never gets healthy is given up with the one who waits, and ends', async () => {
    const mute = program('setInterval(() => {}, 1000)')
    const controller = new AbortController()
    const loading = load(mute, controller.signal)
    loading.catch(() => {})
    while (engine.pids.length === 0) await sleep(20)
    const [pid] = engine.pids
    controller.abort(new Error('enough'))
    await expect(loading).rejects.toThrow('enough')
    await gone(pid!)
  })

  it('that answers with rubbish is a crash, not a hang', async () => {
    const odd = program(`
      const port = process.argv[process.argv.indexOf('--port') + 1]
      require('node:http').createServer((request, response) => {
        if (request.method === 'GET') return response.end('{}')
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end('data: {"choices": 7}\\n\\n')
      }).listen(port, '127.0.0.1')`)
    const model = await load(odd)
    expect((await failure(collect(model, { prompt: chat('Hi') }))).code).toBe('engine_crashed')
    expect((await failure(model.countTokens(chat('Hi'), forever))).code).toBe('engine_crashed')
  })
})
