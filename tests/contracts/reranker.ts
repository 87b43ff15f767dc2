import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reranker } from '#shared/contracts/reranker.ts'

/** A real model on a busy machine. */
const patience = 170_000

/** What every Reranker does. How well it ranks is a matter of its model. */
export function rerankerContract(name: string, open: () => Promise<Reranker>): void {
  describe(`Reranker: ${name}`, () => {
    const signal = AbortSignal.timeout(patience)
    let reranker: Reranker
    beforeAll(async () => {
      reranker = await open()
    })
    afterAll(() => reranker?.[Symbol.asyncDispose]())

    const passages = [
      { context: 'Lease › Termination', text: 'The notice period is seven months.' },
      { context: '差旅管理办法', text: '住宿上限为每晚五百二十元。' },
      { context: '', text: 'Zebras have stripes.' },
    ]

    it('gives each passage one score, the same every time', { timeout: patience }, async () => {
      expect(reranker.specVersion).toBe(1)
      expect(reranker.maxPassages).toBeGreaterThan(1)
      const scores = await reranker.score('How long is the notice?', passages, signal)
      expect(scores).toHaveLength(3)
      expect(scores.every(Number.isFinite)).toBe(true)
      expect(new Set(scores).size).toBe(3)
      const again = await reranker.score('How long is the notice?', passages.toReversed(), signal)
      for (const [at, score] of again.toReversed().entries()) expect(score).toBeCloseTo(scores[at]!, 4) // prettier-ignore
    })

    it('bears what is empty, long or odd', { timeout: patience }, async () => {
      expect(await reranker.score('anything', [], signal)).toEqual([])
      const odd = ['', '🏭\u0000', '长'.repeat(4000)].map((text) => ({ context: '', text })) // prettier-ignore
      expect(await reranker.score('问'.repeat(2000), odd, signal)).toHaveLength(3)
    })

    it('stops when it is told to, and goes on afterwards', { timeout: patience }, async () => {
      const stop = new AbortController()
      const many = Array.from({ length: reranker.maxPassages }, () => ({ context: '', text: 'word '.repeat(400) })) // prettier-ignore
      const asked = reranker.score('question', many, stop.signal)
      stop.abort(new Error('stop'))
      await expect(asked).rejects.toThrow('stop')
      await expect(reranker.score('question', many, stop.signal)).rejects.toThrow('stop')
      expect(await reranker.score('question', passages, signal)).toHaveLength(3)
    })
  })
}
