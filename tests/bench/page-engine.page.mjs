import { Wllama } from '@wllama/wllama/esm/index.js'
import { wllamaAssets } from '#web/engines/wllama/assets.ts'
import { WllamaEngine } from '#web/engines/wllama/engine.ts'

/** The page of the bench: wllama as Silo runs it beside wllama as its own guide runs it. */
const forever = new AbortController().signal
const contextTokens = 1024
const quiet = { debug() {}, log() {}, warn() {}, error() {} }

globalThis.prepare = async (url, threads) => {
  const response = await fetch(url)
  const file = await response.blob()
  const engine = new WllamaEngine({ open: async () => file, threads })
  const model = { id: 'bench', path: 'bench', sha256: '0'.repeat(64), task: 'chat' }
  const loaded = await engine.load(model, { contextTokens, parallel: 1 }, { signal: forever })
  const bare = new Wllama({ default: wllamaAssets.wasm }, { logger: quiet })
  await bare.loadModel([file], {
    n_ctx: contextTokens,
    n_threads: threads,
    n_gpu_layers: 0,
    n_parallel: 1,
  })
  globalThis.ours = (prompt, tokens) => ours(loaded, prompt, tokens)
  globalThis.bare = (prompt, tokens) => plain(bare, prompt, tokens)
  return { isolated: crossOriginIsolated, threads: [(await engine.probe(forever)).threads, bare.getNumThreads()] } // prettier-ignore
}

/** Tokens after the first and the time they took, as the page sees them. */
function meter() {
  let first = 0
  let last = 0
  let pieces = 0
  return {
    seen() {
      last = performance.now()
      first ||= last
      pieces++
    },
    read: () => ({ decoded: pieces - 1, decodeMs: last - first }),
  }
}

async function ours(loaded, content, maxTokens) {
  const { seen, read } = meter()
  let text = ''
  const prompt = { kind: 'chat', messages: [{ role: 'user', content }] }
  for await (const event of loaded.generate({ prompt, temperature: 0, maxTokens }, forever)) {
    if (event.type !== 'text') continue
    seen()
    text += event.text
  }
  return { ...read(), text }
}

async function plain(wllama, content, maxTokens) {
  const { seen, read } = meter()
  let text = ''
  const stream = await wllama.createChatCompletion({
    messages: [{ role: 'user', content }],
    temperature: 0,
    max_tokens: maxTokens,
    stream: true,
  })
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content
    if (!piece) continue
    seen()
    text += piece
  }
  return { ...read(), text }
}
