import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { createLlamaCppEngine } from '#companion/engines/llama-cpp/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { testModel } from '#tests/models.ts'
import { engineContract } from './engine.ts'

const folder = mkdtempSync(join(tmpdir(), 'silo-fake-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fakeModel = join(folder, 'fake.gguf')
writeFileSync(fakeModel, Buffer.alloc(2_000_000))

const junkModel = join(folder, 'corrupt.gguf')
writeFileSync(junkModel, 'this is no model')
const cutModel = join(folder, 'cut-corrupt.gguf')
copyFileSync(testModel('multilingual-e5-small'), cutModel)
truncateSync(cutModel, 1_000_000)

engineContract('fake', () => createFakeEngine(), {
  chatModel: fakeModel,
  embedModel: fakeModel,
  junkModel,
  cutModel,
})

engineContract('llama-cpp', () => createLlamaCppEngine({ log: silentLog, gpu: 'cpu' }), {
  chatModel: testModel('smollm2-135m'),
  embedModel: testModel('multilingual-e5-small'),
  junkModel,
  cutModel,
})
