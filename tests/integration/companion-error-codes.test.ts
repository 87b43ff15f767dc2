import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isErrorCode } from '#shared/errors/registry.ts'

/** Every code named where an error is made or looked for, with the file it is named in. */
function codesInTree(): Map<string, string> {
  const codes = new Map<string, string>()
  const files = globSync('{companion,shared,web}/**/*.{ts,svelte,mjs}', {
    exclude: ['**/node_modules/**', '**/.svelte-kit/**', '**/*.test.ts'],
  })
  const patterns = [
    /new SiloError\(\s*'([a-z_]+)'/g,
    /new SiloError\(\s*[^'()]+\?\s*'([a-z_]+)'\s*:/g,
    /new SiloError\(\s*[^'()]+\?\s*'[a-z_]+'\s*:\s*'([a-z_]+)'/g,
  ]
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    for (const pattern of patterns)
      for (const [, code = ''] of text.matchAll(pattern)) codes.set(code, file)
  }
  return codes
}

describe('error codes', () => {
  it('are all registered wherever they are thrown', () => {
    const codes = codesInTree()
    expect(codes.size).toBeGreaterThan(20)
    expect([...codes].filter(([code]) => !isErrorCode(code))).toEqual([])
  })
})
