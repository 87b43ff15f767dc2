import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createBrotliCompress, createGzip } from 'node:zlib'

const compressible = /\.(html|js|mjs|css|json|svg|wasm|webmanifest|txt|xml)$/
/** Over this, bytes, the best compression takes longer than it saves: a minute for an engine of 16 MB. */
const large = 512 * 1024

/**
 * Puts `.br` and `.gz` beside every file under `folder` that gains from it.
 * @param {string} folder
 */
export async function precompress(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !compressible.test(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    const { size } = await stat(path)
    const quality = size > large ? 6 : constants.BROTLI_MAX_QUALITY
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_SIZE_HINT]: size,
    }
    await Promise.all([
      pipeline(createReadStream(path), createBrotliCompress({ params }), createWriteStream(`${path}.br`)), // prettier-ignore
      pipeline(createReadStream(path), createGzip({ level: 9 }), createWriteStream(`${path}.gz`)),
    ])
  }
}
