import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { GgufReranker } from '#companion/vault/reranker.ts'
import { testModel } from '#tests/models.ts'
import { writeRankingModel } from '#tests/reranker-model.ts'
import { rerankerContract } from './reranker.ts'

const folders: string[] = []
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

rerankerContract('GGUF', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'silo-reranker-'))
  folders.push(folder)
  const path = join(folder, 'ranking.gguf')
  writeRankingModel(testModel('multilingual-e5-small'), path)
  return new GgufReranker({ path, log: silentLog, threads: 1, maxPassages: 4, limitMs: 160_000 })
})

it('refuses a file that is no ranking model', { timeout: 170_000 }, async () => {
  const signal = AbortSignal.timeout(170_000)
  const passages = [{ context: '', text: 'words' }]
  for (const path of [testModel('multilingual-e5-small'), '/nowhere/ranking.gguf']) {
    await using reranker = new GgufReranker({ path, log: silentLog, threads: 1, limitMs: 80_000 })
    await expect(reranker.score('question', passages, signal)).rejects.toMatchObject({ code: 'engine_unavailable' }) // prettier-ignore
  }
})
