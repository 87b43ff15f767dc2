import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FetchRequest, ModelSource } from '#shared/contracts/model-source.ts'
import type { ModelSourceSpec } from '#shared/domain/model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export interface SourceFixture {
  readonly source: ModelSource
  /** Leads to `content`. */
  readonly spec: ModelSourceSpec
  /** Leads to nothing. */
  readonly missing: ModelSourceSpec
  readonly content: Buffer
  close?(): Promise<void>
}

/** A request in a folder of its own; `progress` collects what is reported. */
export async function fetchRequest(
  folder: string,
  spec: ModelSourceSpec,
  size: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<FetchRequest & { progress: { done: number; total: number; stage: string }[] }> {
  const home = mkdtempSync(join(folder, 'try-'))
  const workDir = join(home, 'work')
  await mkdir(workDir, { recursive: true })
  const progress: { done: number; total: number; stage: string }[] = []
  return {
    spec,
    destination: join(home, 'model.gguf'),
    workDir,
    size,
    signal,
    progress,
    onProgress: (step) => progress.push(step),
  }
}

/** What every way to get a model does. */
export function modelSourceContract(name: string, make: () => Promise<SourceFixture>): void {
  describe(`model source contract: ${name}`, () => {
    let fixture: SourceFixture
    let folder: string
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'silo-source-'))
      fixture = await make()
    })
    afterAll(async () => {
      await fixture.close?.()
      rmSync(folder, { recursive: true, force: true })
    })

    it('names itself for a person', () => {
      expect(fixture.source.specVersion).toBe(1)
      expect(fixture.source.type).toBe(fixture.spec.type)
      expect(fixture.source.describe(fixture.spec)).not.toBe('')
    })

    it('delivers the bytes and reports progress that never exceeds the size', async () => {
      const { source, spec, content } = fixture
      const request = await fetchRequest(folder, spec, content.length)
      await source.fetch(request)
      expect((await readFile(request.destination)).equals(content)).toBe(true)
      expect(request.progress.length).toBeGreaterThan(0)
      for (const { done, total } of request.progress) {
        expect(total).toBe(content.length)
        expect(done).toBeLessThanOrEqual(total)
      }
    })

    it('is safe to repeat', async () => {
      const { source, spec, content } = fixture
      const request = await fetchRequest(folder, spec, content.length)
      await source.fetch(request)
      await source.fetch(request)
      expect((await readFile(request.destination)).equals(content)).toBe(true)
    })

    it('says source_unreachable where there is nothing', async () => {
      const request = await fetchRequest(folder, fixture.missing, 10)
      const error: unknown = await fixture.source.fetch(request).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(SiloError)
      expect((error as SiloError).code).toBe('source_unreachable')
    })

    it('rejects with the reason when it is aborted, and delivers the next time', async () => {
      const { source, spec, content } = fixture
      const reason = new SiloError('cancelled')
      const controller = new AbortController()
      const request = await fetchRequest(folder, spec, content.length, controller.signal)
      const running = source.fetch(request).catch((error: unknown) => error)
      controller.abort(reason)
      expect(await running).toBe(reason)
      await source.fetch({ ...request, signal: new AbortController().signal })
      expect((await readFile(request.destination)).equals(content)).toBe(true)
    })
  })
}
