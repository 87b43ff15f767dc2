import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findInferflow } from '#companion/engines/inferflow/binary.ts'
import { InferflowEngine } from '#companion/engines/inferflow/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import { findBubblewrap } from '#companion/process/bubblewrap.ts'
import { fakeInferflow } from '#tests/inferflow.ts'
import { testModel } from '#tests/models.ts'
import { engineContract } from './engine.ts'

const { bwrap, without } = await findBubblewrap()
const folder = mkdtempSync(join(tmpdir(), 'silo-inferflow-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const junkModel = join(folder, 'corrupt.gguf')
writeFileSync(junkModel, 'this is no model')
const cutModel = join(folder, 'cut-corrupt.gguf')
copyFileSync(testModel('smollm2-135m'), cutModel)
truncateSync(cutModel, 1_000_000)
const models = {
  chatModel: testModel('smollm2-135m'),
  junkModel,
  cutModel,
  noPromptCache: true,
} as const

it('has what it needs where it can run', () => {
  if (process.platform === 'linux') expect(bwrap, without).toBeDefined()
})

describe.skipIf(!bwrap)('Inferflow', () => {
  const fake = fakeInferflow(folder)
  engineContract(
    'inferflow, recorded',
    () => new InferflowEngine({ binary: () => fake, directory: join(folder, 'fake'), log: silentLog }), // prettier-ignore
    models,
  )

  const real = findInferflow()
  describe.skipIf(real === undefined)('the real program', () => {
    engineContract(
      'inferflow',
      () => new InferflowEngine({ binary: () => real, directory: join(folder, 'real'), log: silentLog }), // prettier-ignore
      models,
    )
  })
})
