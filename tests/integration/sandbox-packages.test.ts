import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PythonPackages } from '#companion/sandbox/python-packages.ts'
import { createPythonSandbox } from '#companion/sandbox/python-sandbox.ts'
import { runJob, silent, snapshots } from '#tests/sandbox/world.ts'

const wheel = 'silo_sums-1.0-py3-none-any.whl'
const needs = 'silo_digits-2.0-py3-none-any.whl'
let root: string
let server: Server
let source: string
let asked: string[] = []
/** Set: the server gives other bytes. */
let tampered = false

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'silo-wheels-'))
  const zip = `
import sys, zipfile
for path, module, code in ((sys.argv[1], 'silo_sums', 'from silo_digits import one\\ndef two(): return one() + one()'), (sys.argv[2], 'silo_digits', 'def one(): return 1')):
    with zipfile.ZipFile(path, 'w') as z:
        z.writestr(f'{module}/__init__.py', code)
        z.writestr(f'{module}-1.0.dist-info/METADATA', f'Metadata-Version: 2.1\\nName: {module}\\nVersion: 1.0\\n')
        z.writestr(f'{module}-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
        z.writestr(f'{module}-1.0.dist-info/RECORD', '')
`
  execFileSync('python3', ['-c', zip, join(root, wheel), join(root, needs)])
  const entry = async (name: string, file: string, depends: string[]) => {
    const sha256 = createHash('sha256').update(await readFile(join(root, file))).digest('hex') // prettier-ignore
    return { name, version: '1.0', file_name: file, sha256, depends, imports: [name.replace('-', '_')] } // prettier-ignore
  }
  const packages = {
    'silo-sums': await entry('silo-sums', wheel, ['silo-digits']),
    'silo-digits': await entry('silo-digits', needs, []),
  }
  await writeFile(join(root, 'lock.json'), JSON.stringify({ packages }))
  server = createServer(async (request, response) => {
    asked.push(request.url ?? '')
    const bytes = await readFile(join(root, request.url ?? '')).catch(() => undefined)
    response.statusCode = bytes ? 200 : 404
    response.end(tampered ? 'other bytes' : bytes)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  source = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(async () => {
  server.close()
  await rm(root, { recursive: true, force: true })
})

describe('packages of Python', () => {
  it('are fetched once, by hash, with what they need, and can then be imported', async () => {
    const packages = new PythonPackages({ folder: join(root, 'cache'), lock: join(root, 'lock.json') }) // prettier-ignore
    const options = { fetch, source, signal: new AbortController().signal }
    expect(await packages.list()).toEqual([])
    await expect(packages.add(['unheard-of'], options)).rejects.toMatchObject({ code: 'bad_request' }) // prettier-ignore

    tampered = true
    await expect(packages.add(['silo_sums'], options)).rejects.toMatchObject({ code: 'checksum_mismatch' }) // prettier-ignore
    expect(await readdir(join(root, 'cache'))).toEqual([])
    tampered = false
    asked = []
    await packages.add(['silo_sums'], options)
    await packages.add(['silo_sums'], options)
    expect(asked.toSorted()).toEqual([`/${needs}`, `/${wheel}`])
    expect(await packages.list()).toEqual(['silo_digits', 'silo_sums'])

    const folder = join(root, 'home')
    await using sandbox = createPythonSandbox({ folder, log: silent, packages, snapshots })
    const probe = await sandbox.probe(options.signal)
    expect(probe.packages).toEqual(['silo_digits', 'silo_sums'])
    const code = 'import silo_sums\nprint(silo_sums.two())'
    const ran = await runJob(sandbox, { kind: 'python', code, files: [] })
    expect(ran, ran.error).toMatchObject({ outcome: 'done', output: '2\n' })
  })
})
