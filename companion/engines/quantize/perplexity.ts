import { getLlama, LlamaLogLevel, type LlamaContextSequence, type Token } from 'node-llama-cpp'

/** Tokens read at once. The first eighth of each part is only read: without context, nothing can be foretold. */
const partTokens = 512
const unscored = 64
const timedTokens = 24

export interface Measured {
  readonly tokens: number
  readonly perplexity: number
  readonly tokensPerSecond: number
}

/** How well a model foretells a text, and how fast it writes. Lower perplexity is better; 1 would be certainty. */
export async function measureModel(
  { path, text, tokens: most, threads }: { path: string; text: string; tokens: number; threads: number }, // prettier-ignore
  onProgress: (done: number, total: number) => void,
): Promise<Measured> {
  const llama = await getLlama({ gpu: 'auto', build: 'never', skipDownload: true, progressLogs: false, logLevel: LlamaLogLevel.error }) // prettier-ignore
  const model = await llama.loadModel({ modelPath: path })
  const context = await model.createContext({ contextSize: 1024, batchSize: partTokens, threads })
  const sequence = context.getSequence()
  const tokens = model.tokenize(text).slice(0, most)
  let loss = 0
  let scored = 0
  for (let at = 0; at + partTokens <= tokens.length; at += partTokens) {
    onProgress(at, tokens.length)
    const part = tokens.slice(at, at + partTokens)
    await sequence.clearHistory()
    for (const value of await lossesOf(sequence, part)) {
      loss += value
      scored += 1
    }
  }
  const tokensPerSecond = await speedOf(sequence, tokens.slice(0, unscored))
  onProgress(tokens.length, tokens.length)
  return { tokens: scored, perplexity: Math.exp(loss / Math.max(1, scored)), tokensPerSecond }
}

/** Minus the logarithm of the probability that each token had, after the unscored ones. */
async function lossesOf(sequence: LlamaContextSequence, part: readonly Token[]): Promise<number[]> {
  const read = await sequence.controlledEvaluate(
    part.map((token, index) => {
      const next = part[index + 1]
      if (index < unscored || next === undefined) return token
      const logits = { filter: { tokens: [next], includeMax: true } }
      const options = { temperature: 0, topK: 0, topP: 1, minP: 0 }
      return [token, { generateNext: { options, logits, totalLogitWeight: true } }]
    }),
  )
  return read.flatMap((entry, index) => {
    const { logits, totalLogitWeight } = entry?.next ?? {}
    const own = logits?.get(part[index + 1]!)
    if (own === undefined || totalLogitWeight === undefined) return []
    // The weight is the sum of exp(logit − the largest logit).
    return Math.max(...logits!.values()) + Math.log(totalLogitWeight) - own
  })
}

async function speedOf(sequence: LlamaContextSequence, prompt: Token[]): Promise<number> {
  await sequence.clearHistory()
  let count = 0
  let startedAt = 0
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (count++ === 0) startedAt = performance.now()
    if (count > timedTokens) break
  }
  return (1000 * (count - 1)) / (performance.now() - startedAt)
}
