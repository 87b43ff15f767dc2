import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCompanion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { catalogue } from '#companion/models/catalogue.ts'
import { createDrawingSkill } from './drawing-skill.ts'
import { createFakeEngine } from './engine.ts'
import { createFilingSkill } from './filing-skill.ts'

/**
 * A companion over the fake engine, as a process: `node tests/fakes/companion.ts`. For work on the app
 * without a model, and for tests that kill it. SILO_FAKE_REPLY is the answer, SILO_FAKE_DELAY the ms
 * between its words, SILO_FAKE_NAME what it is called; with SILO_FAKE_SKILLS its agent has skills that need no model.
 */
process.env.SILO_HOME ??= mkdtempSync(join(tmpdir(), 'silo-fake-'))
const models = join(process.env.SILO_HOME, 'models')
mkdirSync(models, { recursive: true })
const bytes = 'GGUF'
const entries = catalogue.map((entry) => ({
  ...entry,
  size: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
}))
for (const id of ['smollm2-135m', 'multilingual-e5-small']) {
  // A real model may be linked there: it is not to be written over.
  rmSync(join(models, `${id}.gguf`), { force: true })
  writeFileSync(join(models, `${id}.gguf`), bytes)
}
const reply = process.env.SILO_FAKE_REPLY
const companion = await startCompanion(loadConfig(), {
  catalogue: entries,
  ...(process.env.SILO_FAKE_NAME ? { link: { name: process.env.SILO_FAKE_NAME } } : {}),
  ...(process.env.SILO_FAKE_SKILLS
    ? { agent: { skills: [createFilingSkill(), createDrawingSkill()] } }
    : {}),
  engine: createFakeEngine({
    delayMs: Number(process.env.SILO_FAKE_DELAY ?? 20),
    ...(reply === undefined ? {} : { reply: () => reply }),
  }),
})
console.log(JSON.stringify({ type: 'ready', url: companion.url, urlWithToken: companion.urlWithToken })) // prettier-ignore
process.once('SIGTERM', () => void companion.close().then(() => process.exit(0)))
process.once('SIGINT', () => void companion.close().then(() => process.exit(0)))
process.once('disconnect', () => process.exit(0))
