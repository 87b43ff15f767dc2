import { createReadStream, createWriteStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { ModelSource } from '#shared/contracts/model-source.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { diskFull, isDiskFull } from './ranged-download.ts'

/** A file somewhere on this machine or a mounted share; it is copied. */
export function createFileSource(): ModelSource {
  return {
    specVersion: 1,
    type: 'file',
    describe: (spec) => (spec.type === 'file' ? spec.path : 'file'),
    async fetch({ spec, destination, size, signal, onProgress }) {
      if (spec.type !== 'file') throw new SiloError('bad_request', { params: { detail: 'source' } })
      const unreachable = (cause: unknown) =>
        new SiloError('source_unreachable', { params: { source: spec.path }, cause })
      await access(spec.path).catch((cause: unknown) => {
        throw unreachable(cause)
      })
      let done = 0
      const input = createReadStream(spec.path, { highWaterMark: 1 << 20 })
      input.on('data', (chunk) => {
        done += chunk.length
        onProgress({ done, total: size, stage: 'downloading' })
      })
      input.pause()
      try {
        await pipeline(input, createWriteStream(destination), { signal })
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (isDiskFull(error)) throw diskFull(size, error)
        throw unreachable(error)
      }
    },
  }
}
