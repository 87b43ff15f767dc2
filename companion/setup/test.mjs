import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ensureBrowser } from './browser.mjs'
import { ensureBubblewrap } from './bubblewrap.mjs'
import { ensureInstalled } from './install.mjs'
import { fail, node, root, run, say } from './process.mjs'
import { ensureSyncthing } from './syncthing.mjs'
import { readPlaywright, readVitest } from './test-report.mjs'
import { ensureWebBuilt } from './web-build.mjs'

/**
 * `npm test [-- STAGE …]`: installs what it needs, runs the stages, ends with `N passed, N failed`. `npm run test:long`
 * is the stage `long` with `--thorough`: also what a file does only with SILO_LONG_TESTS=1.
 */
const minute = 60_000
const stages = { lint, types, unit, e2e, long, engines }
/** Without names: what `npm test` is. The others are asked for. */
const usual = ['lint', 'types', 'unit', 'e2e']
// Read by the tests themselves.
if (process.argv.includes('--thorough')) process.env.SILO_LONG_TESTS = '1'
const asked = process.argv.slice(2).filter((name) => !name.startsWith('-'))
for (const name of asked)
  if (!(name in stages)) fail(`unknown stage ${name}; there are: ${Object.keys(stages).join(', ')}`)

const bin = (name, file) => join('node_modules', name, file)
const total = { passed: 0, failed: 0 }
/** What did not pass at once: said again at the end, where it is looked for. */
const problems = []
const count = (passed, failed) => {
  total.passed += passed
  total.failed += failed
}

await ensureInstalled()
await ensureWebBuilt()
const chosen = asked.length ? asked : usual
if (chosen.some((name) => ['unit', 'e2e', 'long', 'engines'].includes(name)))
  await fetchTestModels()
mkdirSync(join(root, 'test-results'), { recursive: true })
for (const name of chosen) {
  const started = Date.now()
  say(`\n── ${name}`)
  const before = total.failed
  await stages[name]()
  const seconds = Math.round((Date.now() - started) / 1000)
  say(`── ${name}: ${total.failed > before ? 'FAILED' : 'ok'} (${seconds} s)`)
}
for (const [kind, { file, reasons }] of problems)
  say(`${kind}: ${relative(root, file)}\n    ${reasons.join('\n    ')}`)
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
  await tests(files)
}

async function tests(files = []) {
  const first = await vitest(files)
  // What fails once among all the others has a second try by itself, and is named in any case.
  const failing = first.failures.map(({ file }) => file)
  const again = failing.length > 0 && failing.length <= 5 ? await vitest(failing) : undefined
  const lasting = again?.failures ?? first.failures
  const flaky = first.failures.filter(({ file }) => !lasting.some((each) => each.file === file))
  problems.push(...flaky.map((each) => ['flaky', each]), ...lasting.map((each) => ['failed', each]))
  count(first.passed + sum(flaky), (again ?? first).unread + sum(lasting))
}

function sum(failures) {
  return failures.reduce((all, each) => all + each.count, 0)
}

/** Runs vitest. `unread` is 1 where it left no report or failed in a way that the report does not tell. */
async function vitest(files) {
  const report = await reported(
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
  )
  if (!report) return { passed: 0, failed: 0, failures: [], unread: 1 }
  const result = readVitest(report.content)
  return { ...result, unread: report.code !== 0 && result.failed === 0 ? 1 : 0 }
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

/** The files named `*.engines.*`, with engines that are installed for them alone. */
async function engines() {
  process.env.SILO_TESTS = 'engines'
  try {
    await tests()
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
  const report = await reported(
    'playwright',
    [bin('@playwright/test', 'cli.js'), 'test'],
    'report.json',
  )
  if (!report) return count(0, 1)
  const { passed, failed, failures } = readPlaywright(report.content)
  problems.push(...failures.map((each) => ['failed', each]))
  count(passed, report.code === 0 ? failed : Math.max(failed, 1))
}

/** Runs one test runner; what its JSON report says and its exit code, or undefined where it left none. */
async function reported(name, args, reportName) {
  const path = join(root, 'test-results', reportName)
  rmSync(path, { force: true })
  const { code } = await run(node, args, { timeoutMs: 40 * minute })
  if (existsSync(path)) return { code, content: JSON.parse(readFileSync(path, 'utf8')) }
  say(code === 124 ? `${name} ran out of time.` : `${name} left no report.`)
  return undefined
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
  const python = chosen.includes('engines') ? ['--python'] : []
  const installed = await run(node, [join('companion', 'setup', 'engines.ts'), ...python], { timeoutMs: 21 * minute }) // prettier-ignore
  if (installed.code !== 0) {
    say('The test engines could not be fetched; the tests that need them will fail.')
    count(0, 1)
  }
}
