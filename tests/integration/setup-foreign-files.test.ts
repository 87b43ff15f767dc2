import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { removeForeignFiles } from '#companion/setup/foreign-files.mjs'

const modules = mkdtempSync(join(tmpdir(), 'silo-modules-'))
afterAll(() => rmSync(modules, { recursive: true }))

const real = fileURLToPath(new URL('../../node_modules/', import.meta.url))
const files = (folder: string, below = folder): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? files(path, below) : [relative(below, path)]
  })
const names = [
  'onnxruntime-node/package.json',
  ...['darwin/arm64', 'darwin/x64', 'linux/arm64', 'linux/x64', 'win32/x64'].map(
    (machine) => `onnxruntime-node/bin/napi-v3/${machine}/onnxruntime_binding.node`,
  ),
  'tesseract.js-core/package.json',
  'tesseract.js-core/tesseract-core.wasm',
  'tesseract.js-core/tesseract-core-simd.js',
  'tesseract.js-core/tesseract-core-simd-lstm.wasm.js',
  'tesseract.js-core/tesseract-core-simd-lstm.js',
  'tesseract.js-core/tesseract-core-simd-lstm.wasm',
  '@tesseract.js-data/eng/package.json',
  '@tesseract.js-data/eng/4.0.0/eng.traineddata.gz',
  '@tesseract.js-data/eng/4.0.0_best_int/eng.traineddata.gz',
]

it('keeps what the recognisers load on this machine, and nothing for others', () => {
  for (const name of names) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    writeFileSync(join(modules, name), '')
  }
  removeForeignFiles(modules, { platform: 'linux', arch: 'x64' })
  const wanted = names.filter((name) => !/darwin|win32|arm64|wasm\.js|\/4\.0\.0\//.test(name)) // prettier-ignore
  expect(files(modules).toSorted()).toEqual(wanted.toSorted())
  // On a machine there is no build for, nothing is touched.
  removeForeignFiles(modules, { platform: 'sunos', arch: 'x64' })
  expect(files(modules)).toContain(
    'onnxruntime-node/bin/napi-v3/linux/x64/onnxruntime_binding.node',
  )
})

it('knows the packages as they are', () => {
  const { platform, arch } = process
  expect(readdirSync(join(real, 'onnxruntime-node/bin/napi-v3', platform, arch)).length).toBeGreaterThan(0) // prettier-ignore
  expect(readdirSync(join(real, 'tesseract.js-core'))).toEqual(
    expect.arrayContaining(['tesseract-core-simd-lstm.js', 'tesseract-core-simd-lstm.wasm']),
  )
  for (const language of ['eng', 'chi_sim'])
    expect(readdirSync(join(real, '@tesseract.js-data', language))).toContain('4.0.0_best_int')
})
