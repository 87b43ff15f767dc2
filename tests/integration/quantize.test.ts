import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, copyFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadGgml } from '#companion/engines/quantize/ggml.ts'
import { tensorTypes } from '#companion/engines/quantize/plan.ts'
import { quantizerOf } from '#companion/engines/quantize/quantizer.ts'
import { readGguf, tensorBytes } from '#companion/formats/gguf.ts'
import { FileRecords } from '#companion/models/file-records.ts'
import { GgufWriter } from '#companion/models/gguf-writer.ts'
import { ModelLibrary } from '#companion/models/library.ts'
import type { Quantizer } from '#companion/models/quantize-model.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { RunContext } from '#companion/runs/run.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { testModel } from '#tests/models.ts'

const width = 512
const rows = 640
const forever = new AbortController().signal
/** Rewrites for real; there is nothing to measure a model without words by. */
const quantizer: Quantizer = { ...quantizerOf({ log: silentLog, threads: 2 }), measure: async () => undefined } // prettier-ignore

/** Weights of a normal distribution's form, always the same. */
function weights(count: number, seed: number): Float32Array {
  let state = seed
  const next = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
  return Float32Array.from({ length: count }, () => 0.02 * (next() + next() + next() + next() - 2))
}

const tensor = (name: string, dimensions: number[], values: Float32Array) => ({ name, dimensions, type: tensorTypes.F32, bytes: new Uint8Array(values.buffer) }) // prettier-ignore

const run = (signal = forever, stages: string[] = []): RunContext => ({
  id: 'run-00000001',
  signal,
  emit: (body) => void (body.type === 'progress' && stages.push(body.stage)),
})

describe('quantizing', () => {
  let folder: string
  let library: ModelLibrary
  let source: string
  const up = weights(width * rows, 7)
  const norm = Float32Array.from({ length: width }, (_, index) => (index % 16 === 0 ? 4 : 0.5))
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'silo-quantize-'))
    source = join(folder, 'source.gguf')
    const writer = new GgufWriter()
    writer.string('general.architecture', 'llama')
    writer.string('general.name', 'Small')
    writer.u32('general.file_type', 0)
    writer.u32('llama.context_length', 2048)
    await writer.write(source, [
      tensor('token_embd.weight', [width, rows], weights(width * rows, 3)),
      tensor('blk.0.ffn_norm.weight', [width], norm),
      tensor('blk.0.ffn_up.weight', [width, rows], up),
      tensor('blk.0.ffn_down.weight', [width, rows], weights(width * rows, 9)),
      // Of a width that no K-quant has.
      tensor('blk.0.attn_q.weight', [96, 16], weights(96 * 16, 5)),
      tensor('blk.0.attn_q.bias', [96], weights(96, 6)),
    ])
    library = new ModelLibrary({
      directory: join(folder, 'models'),
      catalogue: [],
      sources: [],
      records: new FileRecords(openDatabase(':memory:')),
      hardware: () => undefined,
      contextTokens: () => 1024,
      isLoaded: () => false,
      log: silentLog,
      onChange: () => {},
    })
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('writes a file of fewer bits that says the same, takes it in, and deletes it with its entry', async () => {
    const { entry } = await library.import({ path: source }, forever)
    const stages: string[] = []
    const { counts } = await library.quantize(entry.id, quantizer)(run(forever, stages))
    expect(counts?.bitsPerWeight).toBeLessThan(4)
    expect(counts?.sourceBitsPerWeight).toBe(32)
    expect(stages).toContain('quantizing')
    const made = library.list().find((state) => state.entry.madeFrom === entry.id)!
    expect(made).toMatchObject({
      installed: true,
      imported: false,
      entry: { name: 'Small 3.5-bit' },
    })
    const { path } = await library.resolve(made.entry.id, 'chat', forever)
    const [before, after] = [await readGguf(source, 'a'), await readGguf(path, 'b')]
    expect(after.metadata).toEqual(new Map(before.metadata).set('general.file_type', 11))
    expect(after.tensors.map(({ name, dimensions }) => [name, dimensions])).toEqual(before.tensors.map(({ name, dimensions }) => [name, dimensions])) // prettier-ignore
    const type = Object.fromEntries(after.tensors.map((tensor) => [tensor.name, tensor.type]))
    expect(type['blk.0.ffn_up.weight']).toBe(tensorTypes.Q3_K)
    expect(type['blk.0.attn_q.weight']).toBe(tensorTypes.Q4_0)
    expect(dataOf(after, path, 'blk.0.ffn_norm.weight')).toEqual(Buffer.from(norm.buffer))

    const read = loadGgml().toFloat(tensorTypes.Q3_K, dataOf(after, path, 'blk.0.ffn_up.weight'), rows, width) // prettier-ignore
    expect(error(read, up, () => 1)).toBeLessThan(0.05)
    // The columns that the norm scales up are kept better than the others.
    expect(error(read, up, (column) => Number(norm[column]! > 1))).toBeLessThan(error(read, up, (column) => Number(norm[column]! < 1)) * 0.8) // prettier-ignore

    expect(() => library.quantize(entry.id, quantizer)).toThrow(expect.objectContaining({ code: 'conflict' })) // prettier-ignore
    await library.remove(made.entry.id)
    expect(readdirSync(join(folder, 'models')).filter((name) => name.endsWith('.gguf'))).toEqual([])
    expect(library.list().map((state) => state.entry.id)).toEqual([entry.id])
    expect(statSync(source).size).toBeGreaterThan(0)
  })

  it('refuses a model whose layers have no such width, and leaves nothing', async () => {
    const { entry } = await library.import({ path: testModel('smollm2-135m') }, forever)
    await expect(library.quantize(entry.id, quantizer)(run())).rejects.toMatchObject({
      code: 'quantize_no_gain',
    })
    expect(library.list()).toHaveLength(1)
    expect(leftIn(folder)).toEqual([])
  })

  it('refuses what is no chat model, and what is not here', async () => {
    const { entry } = await library.import({ path: testModel('multilingual-e5-small') }, forever)
    const code = (id: string) => {
      try {
        library.quantize(id, quantizer)
      } catch (cause) {
        return (cause as SiloError).code
      }
      return undefined
    }
    expect(code(entry.id)).toBe('model_wrong_task')
    expect(code('nothing')).toBe('model_unknown')
    const gone = join(folder, 'gone.gguf')
    copyFileSync(source, gone)
    const imported = await library.import({ path: gone }, forever)
    truncateSync(gone, 100)
    expect(code(imported.entry.id)).toBe('model_not_installed')
  })

  it('stops when it is cancelled, and leaves nothing', async () => {
    const { entry } = await library.import({ path: source }, forever)
    const stop = new AbortController()
    const reason = new SiloError('cancelled')
    const slow: Quantizer = {
      ...quantizer,
      rewrite: (request, options) =>
        quantizer.rewrite(request, { ...options, onProgress: () => stop.abort(reason) }),
    }
    await expect(library.quantize(entry.id, slow)(run(stop.signal))).rejects.toBe(reason)
    expect(library.list()).toHaveLength(1)
    expect(leftIn(folder)).toEqual([])
  })

  it('says that the process died, and leaves nothing', async () => {
    const { entry } = await library.import({ path: source }, forever)
    const junk: Quantizer = { ...quantizer, rewrite: (request, options) => quantizer.rewrite({ ...request, destination: join(folder, 'no', 'such', 'folder') }, options) } // prettier-ignore
    await expect(library.quantize(entry.id, junk)(run())).rejects.toBeInstanceOf(SiloError)
    expect(leftIn(folder)).toEqual([])
  })
})

function leftIn(folder: string): string[] {
  return readdirSync(join(folder, 'models'), { recursive: true }).map(String).filter((name) => name.endsWith('.gguf')) // prettier-ignore
}

function dataOf(header: Awaited<ReturnType<typeof readGguf>>, path: string, name: string): Buffer {
  const { dimensions, type, offset } = header.tensors.find((tensor) => tensor.name === name)!
  const at = header.dataStart + offset
  return readFileSync(path).subarray(at, at + tensorBytes(dimensions, type)!)
}

/** Squared error of the columns that count, as part of their square. */
function error(
  read: Float32Array,
  meant: Float32Array,
  counts: (column: number) => number,
): number {
  let wrong = 0
  let all = 0
  for (const [index, value] of meant.entries()) {
    const weight = counts(index % width)
    wrong += weight * (read[index]! - value) ** 2
    all += weight * value ** 2
  }
  return wrong / all
}
