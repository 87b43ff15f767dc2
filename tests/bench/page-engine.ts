import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { chromium } from '@playwright/test'
import * as v from 'valibot'
import { createServer } from 'vite'
import { isolatedServer, testModels } from '#tests/browser.ts'
import { launchOptions } from '#tests/e2e/browser.ts'

const goal = 0.97
/** Enough rounds for a median; more only while there is time, ms. */
const fewestRounds = 3
const budget = { quick: 22_000, full: 120_000 }

const sampleSchema = v.object({ decoded: v.number(), decodeMs: v.number(), text: v.string() })
const preparedSchema = v.object({ isolated: v.boolean(), threads: v.array(v.number()) })

export interface PageEngineBench {
  readonly bench: 'page-engine'
  /** Decode speed through Silo's engine against bare wllama. */
  readonly ratio: number
  readonly goal: number
  readonly ok: boolean
  /** Tokens per second. */
  readonly decode: { readonly silo: number; readonly bare: number }
  readonly rounds: number
  readonly threads: number
}

/**
 * wllama through Silo's engine against wllama alone, in one page of one Chromium: same file, threads, context and
 * prompt, turn by turn; the median of the per-round ratios. Speeds are what the page sees.
 */
export async function run({ quick }: { quick: boolean }): Promise<PageEngineBench> {
  const root = join(import.meta.dirname, '..', '..')
  const server = await createServer({
    configFile: false,
    root,
    logLevel: 'error',
    appType: 'custom',
    cacheDir: join(root, 'node_modules', '.vite-bench'),
    plugins: [testModels()],
    server: { ...isolatedServer, port: 0, host: '127.0.0.1' },
    optimizeDeps: { noDiscovery: true, include: ['@wllama/wllama/esm/index.js', 'valibot'] },
  })
  server.middlewares.use('/bench', (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html', ...isolatedServer.headers })
    response.end('<!doctype html><script type="module" src="/tests/bench/page-engine.page.mjs"></script>') // prettier-ignore
  })
  await server.listen()
  const browser = await chromium.launch(launchOptions)
  try {
    const page = await browser.newPage()
    await page.goto(`${server.resolvedUrls!.local[0]}bench`)
    await page.waitForFunction('typeof prepare === "function"')
    // As many as wllama takes by itself.
    const threads = Math.max(1, Math.floor(availableParallelism() / 2))
    const call = `prepare('/test-models/smollm2-135m.gguf', ${threads})`
    const prepared = v.parse(preparedSchema, await page.evaluate(call))
    if (!prepared.isolated || prepared.threads.some((count) => count !== threads))
      throw new Error(`the sides do not have ${threads} threads each`)
    const ask = async (side: 'ours' | 'bare', prompt: string, tokens: number) =>
      v.parse(sampleSchema, await page.evaluate(`${side}(${JSON.stringify(prompt)}, ${tokens})`))

    for (const side of ['ours', 'bare'] as const) await ask(side, 'Warm up.', 4)
    const tokens = quick ? 16 : 32
    const started = performance.now()
    const pairs: { silo: number; bare: number }[] = []
    const limit = quick ? budget.quick : budget.full
    while (
      pairs.length < fewestRounds ||
      (performance.now() - started < limit && pairs.length < 40)
    ) {
      const prompt = `Story ${pairs.length} of an old silo:`
      const order = pairs.length % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const) // prettier-ignore
      const first = await ask(order[0], prompt, tokens)
      const second = await ask(order[1], prompt, tokens)
      const [silo, bare] = order[0] === 'ours' ? [first, second] : [second, first]
      if (silo.text !== bare.text) throw new Error('the two sides wrote different answers')
      pairs.push({ silo: speed(silo), bare: speed(bare) })
    }
    const ratio = rounded(median(pairs.map((pair) => pair.silo / pair.bare)))
    return {
      bench: 'page-engine',
      ratio,
      goal,
      ok: ratio >= goal,
      decode: {
        silo: rounded(median(pairs.map((pair) => pair.silo))),
        bare: rounded(median(pairs.map((pair) => pair.bare))),
      },
      rounds: pairs.length,
      threads,
    }
  } finally {
    await browser.close()
    await server.close()
  }
}

function speed({ decoded, decodeMs }: v.InferOutput<typeof sampleSchema>): number {
  return (decoded / decodeMs) * 1000
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
