import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { LlamaServerEngine } from '#companion/engines/llama-server/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import { testLlamaServer, testModel } from '#tests/models.ts'
import { engineContract } from './engine.ts'

const folder = mkdtempSync(join(tmpdir(), 'silo-llama-server-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const junkModel = join(folder, 'corrupt.gguf')
writeFileSync(junkModel, 'this is no model')
const cutModel = join(folder, 'cut-corrupt.gguf')
copyFileSync(testModel('multilingual-e5-small'), cutModel)
truncateSync(cutModel, 1_000_000)

engineContract(
  'llama-server',
  () => new LlamaServerEngine({ binary: testLlamaServer, log: silentLog, gpu: 'cpu' }),
  {
    chatModel: testModel('smollm2-135m'),
    embedModel: testModel('multilingual-e5-small'),
    junkModel,
    cutModel,
  },
)
