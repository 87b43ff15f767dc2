import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { findPython, installPython, type PythonEnvironment } from './python-environment.ts'

const folder = mkdtempSync(join(tmpdir(), 'silo-python-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const directory = join(folder, 'engines')
const environment: PythonEnvironment = {
  name: 'some-python',
  requirements: join(folder, 'requirements.txt'),
  size: 1_000_000,
}
const own = join(directory, environment.name)
const forever = new AbortController().signal

beforeEach(() => {
  rmSync(directory, { recursive: true, force: true })
  writeFileSync(environment.requirements, '# Two.\none==1\ntwo==2\n')
})

/** A program in the place of Python, which makes environments with a copy of itself. `pip` is what it does as pip. */
function python(pip: string, version = '3.12'): string {
  const path = join(folder, 'python3')
  const source = `#!${process.execPath}
    const { copyFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs')
    const { join } = require('node:path')
    const args = process.argv.slice(2)
    if (args[0] === '-c') console.log('${version}')
    else if (args[1] === 'venv') {
      mkdirSync(join(args[2], 'bin'))
      copyFileSync(process.argv[1], join(args[2], 'bin', 'python'))
    } else if (args[1] === 'pip') { ${pip} }`
  writeFileSync(path, source, { mode: 0o700 })
  return path
}

const works = `console.log('Collecting one==1\\nCollecting two==2')
  writeFileSync(join(process.env.TMPDIR, '..', 'packages'), args.join(' '))`

function install(program: string, signal = forever, onProgress?: (fraction: number) => void) {
  return installPython(environment, { directory, log: silentLog, signal, python: program, onProgress }) // prettier-ignore
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((cause: unknown) => cause)
  return error instanceof SiloError ? error.code : String(error)
}

// The program in the place of Python is a script.
describe.skipIf(process.platform === 'win32')('a Python environment', () => {
  it('is installed with exactly what is named, is found then, and is not installed twice', async () => {
    expect(findPython(directory, environment)).toBeUndefined()
    const fractions: number[] = []
    const program = await install(python(works), forever, (fraction) => fractions.push(fraction))
    expect(program).toBe(join(own, 'bin', 'python'))
    expect(findPython(directory, environment)).toBe(program)
    expect(readFileSync(join(own, 'packages'), 'utf8')).toMatch(/--no-deps --only-binary=:all: --requirement .*requirements\.txt$/) // prettier-ignore
    expect(existsSync(join(own, 'tmp'))).toBe(false)
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
    expect(fractions.at(-1)).toBe(1)
    expect(await install('/none')).toBe(program)
  })

  it('counts as missing where other versions are wanted, a part is missing or the stamp is rubbish', async () => {
    await install(python(works))
    writeFileSync(environment.requirements, 'one==2\n')
    expect(findPython(directory, environment)).toBeUndefined()
    expect(await install(python(works))).toBe(findPython(directory, environment))
    writeFileSync(join(own, 'installed.json'), '{"requ')
    expect(findPython(directory, environment)).toBeUndefined()
  })

  it('that was left half made is made anew', async () => {
    mkdirSync(join(own, 'lib'), { recursive: true })
    writeFileSync(join(own, 'lib', 'old'), '')
    await install(python(works))
    expect(existsSync(join(own, 'lib'))).toBe(false)
    expect(findPython(directory, environment)).toBeDefined()
  })

  it('needs a Python that is there and fits', async () => {
    expect(await failureOf(install('/none'))).toBe('engine_unavailable')
    expect(await failureOf(install(python(works, '3.9')))).toBe('engine_unavailable')
    expect(existsSync(own)).toBe(false)
  })

  it('says that the source does not answer or the disk is full, and leaves nothing', async () => {
    const offline = python('console.error("ERROR: No matching distribution"); process.exit(1)')
    expect(await failureOf(install(offline))).toBe('source_unreachable')
    const full = python('console.error("OSError: [Errno 28] No space left on device"); process.exit(1)') // prettier-ignore
    expect(await failureOf(install(full))).toBe('disk_full')
    expect(existsSync(own)).toBe(false)
  })

  it('can be stopped while it is installed', async () => {
    const controller = new AbortController()
    const endless = python('console.log("Collecting one==1"); setInterval(() => {}, 1000)')
    const reason = new SiloError('cancelled')
    const installing = install(endless, controller.signal, (fraction) => {
      if (fraction > 0.05) controller.abort(reason)
    })
    await expect(installing).rejects.toBe(reason)
    expect(existsSync(own)).toBe(false)
  })
})
