import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { MlxEngine } from '#companion/engines/mlx/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import { testEngines, testModel } from '#tests/models.ts'
import { engineContract } from './engine.ts'

const folder = mkdtempSync(join(tmpdir(), 'silo-mlx-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const junkModel = join(folder, 'corrupt.gguf')
writeFileSync(junkModel, 'this is no model')
const cutModel = join(folder, 'cut-corrupt.gguf')
copyFileSync(testModel('smollm2-135m'), cutModel)
truncateSync(cutModel, 10_000_000)

engineContract('mlx', () => new MlxEngine({ directory: testEngines, log: silentLog }), {
  chatModel: testModel('smollm2-135m'),
  junkModel,
  cutModel,
})
