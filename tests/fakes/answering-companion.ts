import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCompanion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { createLlamaCppEngine } from '#companion/engines/llama-cpp/engine.ts'
import { catalogue } from '#companion/models/catalogue.ts'
import { JsonLog } from '#companion/observe/log.ts'
import type { Engine } from '#shared/contracts/engine.ts'
import { createFakeEngine } from './engine.ts'

/**
 * A companion whose embedding model is the real one, and whose answers are not: `node tests/fakes/answering-companion.ts`.
 * For tests of what is found, where the wording of a model does not matter. SILO_FAKE_REPLY is the answer; SILO_HOME has
 * the embedding model in `models`.
 */
const home = process.env.SILO_HOME!
const bytes = 'GGUF'
const chat = 'smollm2-135m'
writeFileSync(join(home, 'models', `${chat}.gguf`), bytes)
const entries = catalogue.map((entry) =>
  entry.id === chat
    ? { ...entry, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
    : entry,
)
const log = new JsonLog((line) => process.stderr.write(line), 'error')
const real = createLlamaCppEngine({ log, threads: 1 })
const fake = createFakeEngine({ reply: () => process.env.SILO_FAKE_REPLY ?? 'So it is [1].' })
const engine: Engine = {
  specVersion: 1,
  id: 'fake',
  probe: (signal) => fake.probe(signal),
  load: (model, plan, options) => (model.task === 'embed' ? real : fake).load(model, plan, options),
  get state() {
    return fake.state
  },
  onStateChange: (listener) => fake.onStateChange(listener),
  async [Symbol.asyncDispose]() {
    await Promise.all([real[Symbol.asyncDispose](), fake[Symbol.asyncDispose]()])
  },
}
const companion = await startCompanion(loadConfig(), {
  catalogue: entries,
  engine,
  log,
  ...(process.env.SILO_FAKE_NAME ? { link: { name: process.env.SILO_FAKE_NAME } } : {}),
})
console.log(JSON.stringify({ type: 'ready', url: companion.url, urlWithToken: companion.urlWithToken })) // prettier-ignore
process.once('SIGTERM', () => void companion.close().then(() => process.exit(0)))
process.once('SIGINT', () => void companion.close().then(() => process.exit(0)))
// It does not outlive the test that started it.
setInterval(() => {
  try {
    process.kill(Number(process.env.SILO_PARENT_PID), 0)
  } catch {
    process.exit(1)
  }
}, 1000).unref()
