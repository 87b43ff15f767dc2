import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findLlamaServer } from '#companion/engines/llama-server/binary.ts'

export type TestModel =
  | 'smollm2-135m'
  | 'qwen2.5-coder-0.5b'
  | 'qwen2.5-coder-1.5b'
  | 'multilingual-e5-small'
  | 'whisper-base'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Where the engines of the tests are; `npm test` installs llama-server there, `npm run test:engines` the others. */
export const testEngines = join(root, '.silo', 'test-home', 'engines')

/** Path of llama.cpp's server; `npm test` installs it first. */
export function testLlamaServer(): string {
  const path = findLlamaServer(testEngines)
  if (path === undefined)
    throw new Error(`There is no llama-server in ${testEngines}; run "npm test" once.`)
  return path
}

/** Path of a real model for tests; `npm test` fetches them first. */
export function testModel(id: TestModel): string {
  const folder = resolve(root, process.env.SILO_TEST_MODELS ?? '.silo/test-home/models')
  const path = join(folder, id === 'whisper-base' ? `${id}.bin` : `${id}.gguf`)
  if (!existsSync(path))
    throw new Error(`The model ${id} is not in ${folder}; run "npm test" once.`)
  return path
}
