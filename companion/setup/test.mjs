import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBrowser } from './browser.mjs'
import { ensureBubblewrap } from './bubblewrap.mjs'
import { ensureInstalled } from './install.mjs'
import { fail, node, root, run, say } from './process.mjs'
import { ensureSyncthing } from './syncthing.mjs'
import { ensureWebBuilt } from './web-build.mjs'

/**
 * `npm test [-- STAGE …]`: installs what it needs, runs the stages, ends with `N passed, N failed`. `npm run test:long`
 * is the stage `long` with `--thorough`: also what a file does only with SILO_LONG_TESTS=1.
 */
const minute = 60_000
const stages = { lint, types, unit, e2e, long }
/** Without names: what `npm test` is. The long stage is asked for. */
const usual = ['lint', 'types', 'unit', 'e2e']
// Read by the tests themselves.
if (process.argv.includes('--thorough')) process.env.SILO_LONG_TESTS = '1'
const asked = process.argv.slice(2).filter((name) => !name.startsWith('-'))
for (const name of asked)
  if (!(name in stages)) fail(`unknown stage ${name}; there are: ${Object.keys(stages).join(', ')}`)

const bin = (name, file) => join('node_modules', name, file)
const total = { passed: 0, failed: 0 }
const count = (passed, failed) => {
  total.passed += passed
  total.failed += failed
}

await ensureInstalled()
await ensureWebBuilt()
const chosen = asked.length ? asked : usual
if (chosen.some((name) => ['unit', 'e2e', 'long'].includes(name))) await fetchTestModels()
mkdirSync(join(root, 'test-results'), { recursive: true })
for (const name of chosen) {
  const started = Date.now()
  say(`\n── ${name}`)
  const before = total.failed
  await stages[name]()
  const seconds = Math.round((Date.now() - started) / 1000)
  say(`── ${name}: ${total.failed > before ? 'FAILED' : 'ok'} (${seconds} s)`)
}
say(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)

async function step(args, options = {}) {
  const { code } = await run(node, args, { timeoutMs: 5 * minute, ...options })
  count(code === 0 ? 1 : 0, code === 0 ? 0 : 1)
}

async function lint() {
  await step([bin('oxlint', 'bin/oxlint'), '--deny-warnings'])
  await step([bin('oxfmt', 'bin/oxfmt'), '--check'])
}

async function types() {
  await step([bin('typescript', 'bin/tsc'), '-p', 'tsconfig.json'])
  await step([bin('typescript', 'bin/tsc'), '-p', 'tests/e2e/tsconfig.json'])
  await step([
    bin('svelte-check', 'bin/svelte-check'),
    '--tsconfig',
    'web/tsconfig.json',
    '--fail-on-warnings',
  ])
}

async function unit(files = []) {
  if (!(await chromium())) return
  // Without it the tests that need it fail and say so.
  await ensureSyncthing()
  await ensureBubblewrap()
  await counted(
    'vitest',
    [
      bin('vitest', 'vitest.mjs'),
      'run',
      ...files,
      '--reporter=default',
      '--reporter=json',
      '--outputFile=test-results/vitest.json',
    ],
    'vitest.json',
    (report) => [
      report.numPassedTests,
      // A file that could not be loaded has no tests of its own to fail.
      Math.max(report.numFailedTests, report.numFailedTestSuites > 0 ? 1 : 0),
    ],
  )
}

/** The files named `*.long.*`; with SILO_LONG_TESTS=1 also those that have more to do then. */
async function long() {
  const more = process.env.SILO_LONG_TESTS ? filesNaming('SILO_LONG_TESTS') : []
  if (more.length > 0) await unit(more)
  process.env.SILO_TESTS = 'long'
  try {
    await unit()
    await e2e()
  } finally {
    delete process.env.SILO_TESTS
  }
}

/** Tests of the unit stage whose text holds `word`. */
function filesNaming(word) {
  return ['shared', 'companion', 'tests/contracts', 'tests/integration']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
    )
    .filter(
      (path) => path.endsWith('.test.ts') && readFileSync(join(root, path), 'utf8').includes(word),
    )
}

/** False, and a failure, where there is no browser: some unit tests run in the page as well. */
async function chromium() {
  const browser = await ensureBrowser()
  if (browser) process.env.CHROMIUM_PATH = browser
  else {
    say('No Chromium-family browser was found. Install one, or set CHROMIUM_PATH to it.')
    count(0, 1)
  }
  return browser !== undefined
}

async function e2e() {
  if (!(await chromium())) return
  await counted(
    'playwright',
    [bin('@playwright/test', 'cli.js'), 'test'],
    'report.json',
    (report) => [
      report.stats.expected + report.stats.flaky,
      report.stats.unexpected + (report.errors?.length ?? 0),
    ],
  )
}

/** Runs one test runner and adds what its JSON report counts; no report is a failure. */
async function counted(name, args, reportName, read) {
  const path = join(root, 'test-results', reportName)
  rmSync(path, { force: true })
  const { code } = await run(node, args, { timeoutMs: 40 * minute })
  if (!existsSync(path)) {
    say(code === 124 ? `${name} ran out of time.` : `${name} left no report.`)
    count(0, 1)
    return
  }
  const [passed, failed] = read(JSON.parse(readFileSync(path, 'utf8')))
  count(passed, code !== 0 ? Math.max(failed, 1) : failed)
}

async function fetchTestModels() {
  if (process.env.SILO_TEST_MODELS) return
  const more = chosen.includes('long') ? ['--long'] : []
  const { code } = await run(node, [join('companion', 'setup', 'models.ts'), '--test', ...more], {
    ipc: true,
    timeoutMs: 30 * minute,
  })
  if (code !== 0) {
    say('The test models could not be fetched; the tests that need them will fail.')
    count(0, 1)
  }
}
