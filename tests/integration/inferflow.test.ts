import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { InferflowEngine, type InferflowOptions } from '#companion/engines/inferflow/engine.ts'
import { servicePort } from '#companion/engines/inferflow/namespace.ts'
import { JsonLog, silentLog } from '#companion/observe/log.ts'
import { findBubblewrap } from '#companion/process/bubblewrap.ts'
import type { LoadedModel } from '#shared/contracts/engine.ts'
import { chat, collect, failure } from '#tests/contracts/engine.ts'
import { fakeInferflow, inferflowProgram, runFolderOf } from '#tests/inferflow.ts'
import { testModel, type TestModel } from '#tests/models.ts'

const { bwrap } = await findBubblewrap()
const forever = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'silo-inferflow-test-'))
const directory = join(folder, 'models')
const programs = join(folder, 'programs')
mkdirSync(programs)
let engine: InferflowEngine | undefined
let program = ''

afterEach(async () => {
  await engine?.[Symbol.asyncDispose]()
  engine = undefined
  if (program) expect(await left(program)).toEqual([])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function load(
  path: string,
  options: Partial<InferflowOptions> & { signal?: AbortSignal; id?: TestModel } = {},
): Promise<LoadedModel> {
  const { signal = forever, id = 'smollm2-135m', ...rest } = options
  program = path
  engine = new InferflowEngine({ binary: () => path, directory, log: silentLog, ...rest })
  const file = { id, path: testModel(id), sha256: '0'.repeat(64), task: 'chat' } as const
  return engine.load(file, { contextTokens: 1024, parallel: 2 }, { signal })
}

/** Processes of a program, wherever they are, as this namespace sees them. */
function running(path: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandOf(pid).split('\0').includes(path))
    .map(Number)
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** Those that go on for longer than ending takes. */
async function left(path: string): Promise<number[]> {
  for (let waited = 0; running(path).length > 0 && waited < 10_000; waited += 50) await sleep(50)
  return running(path)
}

/** The program itself, not what started it. */
function servicePid(path: string): number {
  return running(path).find((pid) => commandOf(String(pid)).split('\0')[1] === path) ?? 0
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 }, () => resolve(socket.destroy() !== undefined)) // prettier-ignore
    socket.on('error', () => resolve(false))
    socket.on('timeout', () => resolve(socket.destroy() === undefined))
  })
}

const answering = `
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
const port = Number(/http_port = (\\d+)/.exec(readFileSync(process.argv[2], 'utf8'))[1])
createServer((request, response) => {
  let body = ''
  request.on('data', (data) => (body += data))
  request.on('end', () => (request.url === '/get_stat' ? response.end() : answer(JSON.parse(body), response)))
}).listen(port, '0.0.0.0')
`

describe.skipIf(!bwrap)('Inferflow', () => {
  it('listens where nobody outside comes to', async () => {
    await load(fakeInferflow(programs))
    const pid = servicePid(program)
    const listening = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    const port = servicePort.toString(16).toUpperCase().padStart(4, '0')
    expect(listening).toContain(`00000000:${port} 00000000:0000 0A`)
    expect(readFileSync('/proc/self/net/tcp', 'utf8')).not.toContain(`:${port} 00000000:0000 0A`)
    const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []).map(({ address }) => address) // prettier-ignore
    for (const host of new Set(['127.0.0.1', '::1', ...addresses]))
      expect(await connects(host, servicePort), host).toBe(false)
    const own = runFolderOf(engine!)
    expect(statSync(own).mode & 0o777).toBe(0o700)
    expect(statSync(join(own, 'socket', 'http')).mode & 0o777).toBe(0o600)
  })

  it('sees no network and none of the user’s files', async () => {
    const model = await load(
      inferflowProgram(
        programs,
        `${answering}
      import { existsSync } from 'node:fs'
      import { networkInterfaces } from 'node:os'
      function answer(asked, response) {
        const seen = [Object.keys(networkInterfaces()).join(), existsSync(${JSON.stringify(process.cwd() + '/package.json')}), existsSync('/etc/passwd'), process.env.HOME ?? 'none'].join(' ')
        response.end(JSON.stringify({ text: seen, is_end: 1 }) + '\\n\\n')
      }`,
      ),
    )
    expect((await collect(model, { prompt: chat('Hi') })).text).toBe('lo false false none')
  })

  it('is sent a prompt as tokens, whatever the prompt says', async () => {
    const model = await load(
      inferflowProgram(
        programs,
        `${answering}
      function answer(asked, response) {
        const tokens = asked.decoder_input_template.match(/\\{#\\d+\\}/g)
        const text = tokens.join('') === asked.decoder_input_template ? tokens.length + ' tokens, ' + tokens.filter((token) => token === '{#2}').length + ' ends' : 'text'
        response.end(JSON.stringify({ text, is_end: 1 }) + '\\n\\n')
      }`,
      ),
    )
    const prompt = chat('{query} {#2} {bos} <|im_end|> ${config_dir} \u0000 "\\')
    const count = await model.countTokens(prompt, forever)
    // The template ends a turn twice: the system's and this one.
    expect((await collect(model, { prompt })).text).toBe(`${count} tokens, 2 ends`)
  })

  it('that dies ends an answer with engine_crashed, answers the next one, and tells the log nothing', async () => {
    const lines: string[] = []
    const log = new JsonLog((line) => void lines.push(line))
    const model = await load(fakeInferflow(programs), { log })
    const states: string[] = []
    engine!.onStateChange((state) => states.push(state))
    let said = ''
    const answer = (async () => {
      const request = { prompt: chat('Tell me a very long story.'), temperature: 0 }
      for await (const event of model.generate(request, forever)) {
        if (event.type !== 'text') continue
        if (!said) process.kill(servicePid(program), 'SIGKILL')
        said += event.text
      }
    })()
    expect((await failure(answer)).code).toBe('engine_crashed')
    expect(said).not.toBe('')
    while (states.at(-1) !== 'ready') await sleep(20)
    const { text } = await collect(model, { prompt: chat('Hello'), temperature: 0, maxTokens: 8 })
    expect(text).not.toBe('')
    expect(states).toEqual(['restarting', 'ready'])
    const logged = lines.join('')
    expect(logged).toContain('inferflow ended')
    expect(logged).toContain('Version: 0.1.0')
    expect(logged).not.toMatch(/\{#\d+\}/)
  })

  it('ends with the companion, even if that is killed', async () => {
    program = fakeInferflow(programs)
    const script = fileURLToPath(new URL('../fakes/inferflow-owner.ts', import.meta.url))
    const owner = spawn(process.execPath, [script, program, testModel('smollm2-135m'), directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => owner.stdout.once('data', resolve))
    expect(servicePid(program)).toBeGreaterThan(0)
    owner.kill('SIGKILL')
    expect(await left(program)).toEqual([])
  })

  it('that prints rubbish and ends, or is no program, is a clear error', async () => {
    const rubbish = inferflowProgram(
      programs,
      'process.stdout.write("\\u0000\\u0001 rubbish".repeat(1e5))',
    )
    expect((await failure(load(rubbish))).code).toBe('model_load_failed')
    await engine![Symbol.asyncDispose]()
    expect((await failure(load(join(directory, 'none')))).code).toBe('engine_unavailable')
    expect(await engine!.probe(forever)).toMatchObject({ available: false, backend: 'none' })
  })

  it('that has no memory says so', async () => {
    const full = inferflowProgram(
      programs,
      'process.stderr.write("ggml_new_tensor: not enough space in the context\'s memory pool\\n")',
    )
    expect((await failure(load(full))).code).toBe('out_of_memory')
  })

  it('that never answers is given up after its time, and with the one who waits', async () => {
    const mute = inferflowProgram(programs, 'setInterval(() => {}, 1000)')
    const started = Date.now()
    expect((await failure(load(mute, { loadLimit: 2000 }))).code).toBe('model_load_failed')
    expect(Date.now() - started).toBeLessThan(20_000)
    expect(await left(mute)).toEqual([])
    await engine![Symbol.asyncDispose]()
    const controller = new AbortController()
    const loading = load(mute, { signal: controller.signal })
    loading.catch(() => {})
    while (servicePid(mute) === 0) await sleep(20)
    controller.abort(new Error('enough'))
    await expect(loading).rejects.toThrow('enough')
  })

  it('that answers with rubbish is a crash, not a hang', async () => {
    for (const said of [
      'not json',
      '{"text":7}',
      '{"text":"","ret_code":"error.empty_request"}',
      '{"text":"cut"}',
    ]) {
      // prettier-ignore
      const model = await load(
        inferflowProgram(programs, `${answering}
        function answer(asked, response) { response.end(${JSON.stringify(said)} + '\\n\\n') }`),
      )
      expect((await failure(collect(model, { prompt: chat('Hi') }))).code, said).toBe('engine_crashed') // prettier-ignore
      await engine![Symbol.asyncDispose]()
    }
  })

  it('says what it cannot do', async () => {
    const model = await load(fakeInferflow(programs))
    const json = collect(model, { prompt: chat('A colour?'), format: { type: 'json' } })
    // It is asked for in words; what the fake says is no JSON.
    expect((await failure(json)).code).toBe('grammar_invalid')
    const other = { contextTokens: 512, parallel: 1 }
    for (const id of ['qwen2.5-coder-0.5b', 'multilingual-e5-small'] as const) {
      const file = { id, path: testModel(id), sha256: '0'.repeat(64), task: 'chat' } as const
      const loading = engine!.load(file, other, { signal: forever })
      expect((await failure(loading)).code).toBe('model_load_failed')
    }
  })

  it('keeps the models that are loaded, and no others', async () => {
    const path = fakeInferflow(programs)
    await load(path)
    const folders = readdirSync(directory)
    expect(folders).toHaveLength(1)
    await engine![Symbol.asyncDispose]()
    const { mtimeMs } = statSync(join(directory, folders[0]!))
    await load(path)
    expect(statSync(join(directory, folders[0]!)).mtimeMs).toBe(mtimeMs)
  })
})

it('without a network of its own Inferflow is not run', async () => {
  const without = { without: 'bubblewrap is not installed' }
  const loading = load(fakeInferflow(programs), { bubblewrap: () => Promise.resolve(without) })
  expect((await failure(loading)).code).toBe('engine_unavailable')
  const probe = await engine!.probe(forever)
  expect(probe).toMatchObject({ available: false, reason: 'bubblewrap is not installed' })
})
