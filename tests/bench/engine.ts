import { fork, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { startCompanion } from '#companion/compose.ts'
import { libraryFolder } from '#companion/engines/llama-cpp/library-folder.ts'
import { testModel } from '#tests/models.ts'

const goal = 0.97
const goalAddedMs = 10
const modelId = 'qwen2.5-coder-0.5b'

interface Sample {
  readonly promptTokens: number
  /** From the request to the first token, ms. */
  readonly firstMs: number
  /** Tokens after the first, and the time they took. */
  readonly decoded: number
  readonly decodeMs: number
}

export interface EngineBench {
  readonly bench: 'engine'
  /** Decode speed through HTTP against the raw loop. */
  readonly ratio: number
  readonly goal: number
  readonly ok: boolean
  readonly decode: { ratio: number; http: number; raw: number }
  readonly prefill: { ratio: number; http: number; raw: number }
  readonly addedFirstTokenMs: number
  readonly rounds: number
  readonly threads: number
}

/**
 * The companion's `/v1/completions` against the same llama.cpp library in a plain loop: same file, threads and
 * prompt, turn by turn in one run; medians of the per-round ratios. Speeds are tokens per second.
 */
export async function run({ quick }: { quick: boolean }): Promise<EngineBench> {
  const home = mkdtempSync(join(tmpdir(), 'silo-bench-'))
  mkdirSync(join(home, 'models'))
  const model = testModel(modelId)
  symlinkSync(model, join(home, 'models', `${modelId}.gguf`))
  const threads = Math.min(availableParallelism(), 4)
  const companion = await startCompanion({
    home,
    port: 0,
    host: '127.0.0.1',
    logLevel: 'error',
    offline: true,
    threads,
    allowedHosts: [],
  })
  const raw = await startRaw(model, threads)
  try {
    const http = (prompt: string, tokens: number): Promise<Sample> =>
      throughHttp(companion, prompt, tokens)
    const plain = (prompt: string, tokens: number): Promise<Sample> => ask(raw, prompt, tokens)
    const stamp = `${process.pid}`
    await http(longPrompt(`${stamp} warm`), 8)
    await plain(longPrompt(`${stamp} warm`), 8)

    const long: { http: Sample; raw: Sample }[] = []
    const rounds = quick ? 4 : 11
    for (let round = 0; round < rounds; round++) {
      const prompt = longPrompt(`${stamp} ${round}`)
      long.push(
        await inTurn(
          round,
          () => http(prompt, 64),
          () => plain(prompt, 64),
        ),
      )
    }
    const short: { http: Sample; raw: Sample }[] = []
    for (let round = 0; round < (quick ? 15 : 31); round++) {
      const prompt = `${round} ${stamp}: a list of colours`
      short.push(
        await inTurn(
          round,
          () => http(prompt, 2),
          () => plain(prompt, 2),
        ),
      )
    }
    const decode = compare(long, (sample) => (sample.decoded / sample.decodeMs) * 1000)
    const prefill = compare(long, (sample) => (sample.promptTokens / sample.firstMs) * 1000)
    const added = median(short.map((pair) => pair.http.firstMs - pair.raw.firstMs))
    return {
      bench: 'engine',
      ratio: decode.ratio,
      goal,
      ok: decode.ratio >= goal && prefill.ratio >= goal && added <= goalAddedMs,
      decode,
      prefill,
      addedFirstTokenMs: rounded(added),
      rounds,
      threads,
    }
  } finally {
    raw.kill('SIGKILL')
    await companion.close()
    rmSync(home, { recursive: true, force: true })
  }
}

/** Each side goes first every other time. */
async function inTurn(
  round: number,
  http: () => Promise<Sample>,
  raw: () => Promise<Sample>,
): Promise<{ http: Sample; raw: Sample }> {
  if (round % 2 === 0) {
    const first = await http()
    return { http: first, raw: await raw() }
  }
  const first = await raw()
  return { http: await http(), raw: first }
}

/** About 512 tokens; the different beginning keeps the caches out of it. */
function longPrompt(begin: string): string {
  const text =
    'The old silo stood at the edge of the field, and every autumn the farmer filled it with grain. '
  return `${begin}. ${text.repeat(25)}\nThe story goes on:`
}

const chunkSchema = v.object({
  choices: v.array(v.object({ text: v.string() })),
  usage: v.nullish(v.object({ prompt_tokens: v.number(), completion_tokens: v.number() })),
})

async function throughHttp(
  companion: { url: string; token: string },
  prompt: string,
  tokens: number,
): Promise<Sample> {
  const start = performance.now()
  const response = await fetch(`${companion.url}/v1/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${companion.token}`,
    },
    body: JSON.stringify({
      model: modelId,
      prompt,
      max_tokens: tokens,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    }),
    signal: AbortSignal.timeout(120_000),
  })
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`)
  let first = 0
  let last = 0
  let usage: v.InferOutput<typeof chunkSchema>['usage']
  let rest = ''
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const now = performance.now()
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue
      const chunk = v.parse(chunkSchema, JSON.parse(line.slice(6)))
      if (chunk.choices[0]?.text) {
        first ||= now
        last = now
      }
      usage = chunk.usage ?? usage
    }
  }
  if (!usage || !first) throw new Error('the stream had no text or no usage')
  return {
    promptTokens: usage.prompt_tokens,
    firstMs: first - start,
    decoded: usage.completion_tokens - 1,
    decodeMs: last - first,
  }
}

const rawSchema = v.object({
  promptTokens: v.number(),
  promptMs: v.number(),
  decoded: v.number(),
  decodeMs: v.number(),
})

async function startRaw(model: string, threads: number): Promise<ChildProcess> {
  const child = fork(
    fileURLToPath(new URL('./raw-llama.ts', import.meta.url)),
    [builtLibrary(), model, String(threads), '2048'],
    { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  )
  await next(child)
  return child
}

async function ask(child: ChildProcess, prompt: string, tokens: number): Promise<Sample> {
  const answer = next(child)
  child.send({ prompt, tokens })
  const { promptTokens, promptMs, decoded, decodeMs } = v.parse(rawSchema, await answer)
  return { promptTokens, firstMs: promptMs, decoded, decodeMs }
}

function next(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the raw side does not answer')), 120_000)
    const ended = (): void => {
      clearTimeout(timer)
      reject(new Error('the raw side ended'))
    }
    child.once('exit', ended)
    child.once('message', (message) => {
      clearTimeout(timer)
      child.off('exit', ended)
      resolve(message)
    })
  })
}

function builtLibrary(): string {
  const folder = libraryFolder()
  if (folder === undefined) throw new Error('there is no CPU build of llama.cpp for this machine')
  return folder
}

function compare(
  pairs: readonly { http: Sample; raw: Sample }[],
  speed: (sample: Sample) => number,
): { ratio: number; http: number; raw: number } {
  return {
    ratio: rounded(median(pairs.map((pair) => speed(pair.http) / speed(pair.raw)))),
    http: rounded(median(pairs.map((pair) => speed(pair.http)))),
    raw: rounded(median(pairs.map((pair) => speed(pair.raw)))),
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
