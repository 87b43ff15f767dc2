import { getLlama, LlamaLogLevel, type LlamaRankingContext } from 'node-llama-cpp'
import * as v from 'valibot'
import { toRerankerSchema, type FromReranker, type ToReranker } from './reranker-messages.ts'

/** Entry of the reranker's child process: a ranking model of llama.cpp, spoken to over IPC. */

/** Question and passage share the context: neither may push the other out. */
const questionShare = 0.3

let open: Promise<LlamaRankingContext> | undefined

class Unfit extends Error {}

function send(message: FromReranker): void {
  if (process.connected) process.send?.(message)
}

async function load({ path, threads, contextTokens }: ToReranker): Promise<LlamaRankingContext> {
  const llama = await getLlama({
    gpu: 'auto',
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
  })
  try {
    const model = await llama.loadModel({ modelPath: path })
    const contextSize = Math.min(contextTokens, model.trainContextSize)
    return await model.createRankingContext({ contextSize, ...(threads > 0 ? { threads } : {}) })
  } catch (cause) {
    throw new Unfit('not a reranker', { cause })
  }
}

async function score(message: ToReranker): Promise<number[]> {
  open ??= load(message)
  const context = await open
  const { model, contextSize } = context
  // Five tokens stand between and around the two.
  const room = contextSize - 5
  const question = model.tokenize(message.question).slice(0, Math.floor(room * questionShare))
  const scores: number[] = []
  for (const passage of message.passages) {
    const tokens = model.tokenize(passage).slice(0, room - question.length)
    scores.push(await context.rank(question, tokens))
  }
  return scores
}

process.on('message', (input) => {
  const parsed = v.safeParse(toRerankerSchema, input)
  if (!parsed.success) return
  const { id } = parsed.output
  score(parsed.output).then(
    (scores) => send({ op: 'scores', id, scores }),
    (error: unknown) => {
      open = undefined
      const detail = error instanceof Error ? `${error.message}: ${String(error.cause ?? '')}` : String(error) // prettier-ignore
      send({ op: 'error', id, reason: error instanceof Unfit ? 'unfit' : 'failed', detail })
    },
  )
})
// A terminal's Ctrl+C reaches the whole group: the parent decides when this process ends.
process.on('SIGINT', () => {})
// Native threads may be computing; nothing here is worth an orderly end.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
