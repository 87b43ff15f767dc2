import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Where node-llama-cpp keeps its CPU build for this machine; undefined where it has none. */
export function libraryFolder(): string | undefined {
  const entry = createRequire(import.meta.url).resolve('node-llama-cpp')
  const scope = join(dirname(entry), '..', '..', '@node-llama-cpp')
  const system = { linux: 'linux', darwin: 'mac', win32: 'win' }[process.platform as string]
  for (const name of existsSync(scope) ? readdirSync(scope) : []) {
    if (!name.startsWith(`${system}-${process.arch}`) || /cuda|vulkan/.test(name)) continue
    const folder = join(scope, name, 'bins', name)
    if (existsSync(folder)) return folder
  }
  return undefined
}

/** The file of one of its libraries, e.g. `ggml-base`, whatever the platform calls it. */
export function libraryFile(folder: string, name: string): string | undefined {
  const form = new RegExp(`^(lib)?${name}\\.(.*\\.)?(so|dylib|dll)$`)
  const found = readdirSync(folder).find((file) => form.test(file))
  return found === undefined ? undefined : join(folder, found)
}
