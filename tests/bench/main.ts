import { existsSync } from 'node:fs'
import { findBrowser } from '#companion/setup/browser.mjs'

const names = [
  'agent',
  'batch',
  'engine',
  'ingest',
  'intent',
  'invoice',
  'kv-turn',
  'link',
  'quant',
  'replica',
  'retrieval',
  'sandbox',
  'search',
  'sync',
  'web',
  'page-engine',
] as const
const [name = '', ...flags] = process.argv.slice(2)
if (!names.some((known) => known === name)) {
  console.error(`usage: npm run bench -- ${names.join('|')} [--quick]`)
  process.exit(2)
}
process.env.CHROMIUM_PATH ??= findBrowser() ?? ''
process.env.SILO_TEST_MODELS ??= existsSync('.silo/test-home/models')
  ? '.silo/test-home/models'
  : ''
if (!process.env.SILO_TEST_MODELS) delete process.env.SILO_TEST_MODELS
const bench = (await import(`./${name}.ts`)) as {
  run(options: { quick: boolean; args: readonly string[] }): Promise<{ ok: boolean }>
}
const result = await bench.run({
  quick: flags.includes('--quick'),
  args: flags.filter((flag) => !flag.startsWith('--')),
})
console.log(JSON.stringify(result))
process.exit(0)
