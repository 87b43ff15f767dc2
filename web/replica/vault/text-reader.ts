import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'
import { openVaultDatabase } from './database.ts'
import type { LoadedSegment } from './loaded-collection.ts'
import { rowTextSchema, type RowText } from './segment.ts'

/** Blocks kept in memory: 32 MB of them, the passages of the last few hundred questions. */
const keptBlocks = 1024

/** Reads the texts of rows, a block at a time. */
export class TextReader {
  readonly #blocks = new Map<string, Promise<ArrayBuffer>>()

  /** @throws SiloError page_storage_failed where the text is gone or damaged */
  async read(collectionId: string, loaded: LoadedSegment, row: number): Promise<RowText> {
    try {
      const text = new TextDecoder().decode(await this.bytes(collectionId, loaded, row))
      return v.parse(rowTextSchema, JSON.parse(text))
    } catch (cause) {
      throw cause instanceof SiloError ? cause : new SiloError('page_storage_failed', { cause })
    }
  }

  /** The bytes of a row's text. */
  async bytes(collectionId: string, loaded: LoadedSegment, row: number): Promise<Uint8Array> {
    const { block, at, bytes } = loaded.segment.columns
    const buffer = await this.#block(collectionId, loaded.id, block[row]!)
    if (at[row]! + bytes[row]! > buffer.byteLength)
      throw new SiloError('page_storage_failed', { cause: new Error('a block too short') })
    return new Uint8Array(buffer, at[row], bytes[row])
  }

  #block(collectionId: string, segmentId: string, block: number): Promise<ArrayBuffer> {
    const key = `${segmentId}/${block}`
    const known = this.#blocks.get(key)
    if (known) {
      // Used last: it goes last.
      this.#blocks.delete(key)
      this.#blocks.set(key, known)
      return known
    }
    const reading = readBlock(collectionId, segmentId, block)
    this.#blocks.set(key, reading)
    reading.catch(() => this.#blocks.delete(key))
    const oldest = this.#blocks.keys().next()
    if (this.#blocks.size > keptBlocks && !oldest.done) this.#blocks.delete(oldest.value)
    return reading
  }
}

async function readBlock(
  collectionId: string,
  segmentId: string,
  block: number,
): Promise<ArrayBuffer> {
  const found = await (await openVaultDatabase()).get('texts', [collectionId, segmentId, block])
  if (!(found instanceof ArrayBuffer))
    throw new SiloError('page_storage_failed', { cause: new Error('a block is missing') })
  return found
}
