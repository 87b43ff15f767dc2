import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { startCompanion } from '#companion/compose.ts'
import { testLlamaServer, testModel } from '#tests/models.ts'

const modelId = 'qwen2.5-coder-0.5b'
const clients = 5
const goal = 1
const goalFirst = 1.1
const contextTokens = 2048
const answerTokens = 48
const limitMs = 300_000

export interface BatchBench {
  readonly bench: 'batch'
  /** New tokens per second of all clients together, against llama-server; the median of the rounds. */
  readonly ratio: number
  readonly goal: number
  readonly ok: boolean
  /** 95th percentile of the time to the first token, against llama-server's; over all requests. */
  readonly firstRatio: number
  readonly goalFirst: number
  readonly tokensPerSecond: number
  readonly serverTokensPerSecond: number
  readonly firstMs: number
  readonly serverFirstMs: number
  readonly rounds: number
}

interface Side {
  readonly client: OpenAI
  readonly rates: number[]
  readonly firsts: number[]
}

/**
 * Five clients at once, each with two questions one after the other: Silo with its own engine against
 * `llama-server -np 5`, on the same file with as many threads. Turn by turn, each with the same prompts.
 */
export async function run({ quick }: { quick: boolean }): Promise<BatchBench> {
  const home = mkdtempSync(join(tmpdir(), 'silo-bench-'))
  mkdirSync(join(home, 'models'))
  symlinkSync(testModel(modelId), join(home, 'models', `${modelId}.gguf`))
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
  const port = await freePort()
  const server = startServer(port, threads)
  try {
    await fetch(`${companion.url}/api/settings`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${companion.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ contextTokens }),
    })
    const own = sideOf(companion.url, companion.token)
    const other = sideOf(`http://127.0.0.1:${port}`, 'none')
    await healthy(other.client)
    // Loading, and the first pass over the weights, are not what is compared.
    for (const { client } of [own, other]) await ask(client, 'Say hello.', 4)
    const rounds = quick ? 2 : 9
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? [own, other] : [other, own]
      for (const side of order) await oneRound(side, round)
    }
    const ratio = rounded(median(own.rates.map((rate, index) => rate / other.rates[index]!)), 3)
    const [first, serverFirst] = [p95(own.firsts), p95(other.firsts)]
    const firstRatio = rounded(first / serverFirst, 3)
    return {
      bench: 'batch',
      ratio,
      goal,
      ok: ratio >= goal && firstRatio <= goalFirst,
      firstRatio,
      goalFirst,
      tokensPerSecond: rounded(median(own.rates), 1),
      serverTokensPerSecond: rounded(median(other.rates), 1),
      firstMs: rounded(first, 0),
      serverFirstMs: rounded(serverFirst, 0),
      rounds,
    }
  } finally {
    server.kill('SIGKILL')
    await companion.close()
    rmSync(home, { recursive: true, force: true })
  }
}

async function oneRound(side: Side, round: number): Promise<void> {
  const startedAt = performance.now()
  let tokens = 0
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (const turn of [1, 2]) {
        const answer = await ask(side.client, promptOf(round, client, turn), answerTokens)
        tokens += answer.tokens
        side.firsts.push(answer.firstMs)
      }
    }),
  )
  side.rates.push((1000 * tokens) / (performance.now() - startedAt))
}

async function ask(
  client: OpenAI,
  content: string,
  max_tokens: number,
): Promise<{ firstMs: number; tokens: number }> {
  const startedAt = performance.now()
  const stream = await client.chat.completions.create({
    model: modelId,
    messages: [{ role: 'user', content }],
    max_tokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  })
  let firstMs = 0
  let tokens = 0
  for await (const { choices, usage } of stream) {
    if (choices[0]?.delta.content) firstMs ||= performance.now() - startedAt
    tokens = usage?.completion_tokens ?? tokens
  }
  if (!firstMs || !tokens) throw new Error('an answer had no text or no usage')
  return { firstMs, tokens }
}

/** About 130 tokens, no two alike from the first words on. */
function promptOf(round: number, client: number, turn: number): string {
  const begin = `${round * 100 + client * 10 + turn} ${process.pid}`
  const text =
    'The old silo stood at the edge of the field, and every autumn the farmer filled it. '
  return `Case ${begin}. ${text.repeat(6)}Tell the story of this silo in many sentences.`
}

function sideOf(url: string, apiKey: string): Side {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, timeout: limitMs, maxRetries: 0 })
  return { client, rates: [], firsts: [] }
}

function startServer(port: number, threads: number): ChildProcess {
  const binary = testLlamaServer()
  const args = [
    ['--model', testModel(modelId), '--alias', modelId, '--port', String(port)],
    ['--parallel', String(clients), '--ctx-size', String(clients * contextTokens)],
    ['--threads', String(threads), '--cache-ram', '0', '--no-webui', '--device', 'none'],
  ].flat()
  return spawn(binary, args, { stdio: 'ignore', env: { ...process.env, LD_LIBRARY_PATH: dirname(binary) } }) // prettier-ignore
}

async function healthy(client: OpenAI): Promise<void> {
  const until = Date.now() + 60_000
  for (;;) {
    const answered = await ask(client, 'Hello', 2).catch(() => undefined)
    if (answered) return
    if (Date.now() > until) throw new Error('llama-server does not answer')
    await sleep(200)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (address instanceof Object ? resolve(address.port) : reject(new Error('no port')))) // prettier-ignore
    })
  })
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2 // prettier-ignore
}

function p95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1] ?? 0
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits
}
