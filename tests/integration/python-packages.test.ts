import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { PackageService } from '#companion/sandbox/package-service.ts'
import { PythonPackages } from '#companion/sandbox/python-packages.ts'
import { egressListSchema } from '#shared/protocol/egress.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'

/** `silo python` against a companion whose wheels come from a server here. */
const launcher = fileURLToPath(new URL('../../companion/setup/silo.mjs', import.meta.url))
const wheel = 'a wheel'
let home: string
let server: Server
let source: string
let companion: Companion
let asked: string[] = []

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-python-'))
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.statusCode = request.url?.includes('missing') ? 404 : 200
    response.end(wheel)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  source = `http://127.0.0.1:${(server.address() as AddressInfo).port}/full`
  companion = await startCompanion(
    loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_PYTHON_PACKAGES: source }),
    { engine: createFakeEngine() },
  )
})
afterAll(async () => {
  await companion.close()
  server.close()
  rmSync(home, { recursive: true, force: true })
})

function silo(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, SILO_HOME: home, SILO_PORT: '1', LC_ALL: 'C.UTF-8' }
  const child = spawn(process.execPath, [launcher, 'python', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }) // prettier-ignore
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
  })
}

describe('silo python', () => {
  it('lists nothing before anything was fetched, and asks nobody', async () => {
    const { code, stdout, stderr } = await silo()
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('Only the standard library')
    expect(JSON.parse((await silo('list', '--json')).stdout)).toEqual({ imports: [] })
    expect(asked).toEqual([])
  })

  it('refuses what is no package before anything is asked', async () => {
    expect(await silo('add')).toMatchObject({ code: 1 })
    expect(await silo('drop', 'six')).toMatchObject({ code: 1 })
    expect(await silo('add', '../../etc/passwd')).toMatchObject({ code: 1 })
    const unknown = await silo('add', 'no-such-package-anywhere')
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toContain('no-such-package-anywhere')
    expect(asked).toEqual([])
  })

  it('keeps nothing whose hash is another, and has each host on the list of what left', async () => {
    const { code, stdout } = await silo('add', 'six', '--json')
    expect(code).toBe(1)
    expect(stdout).toContain('checksum_mismatch')
    expect(asked).toEqual([expect.stringMatching(/^\/full\/six-[\d.]+-py2\.py3-none-any\.whl$/)])
    expect(readdirSync(join(home, 'sandbox', 'packages'))).toEqual([])
    const answer = await fetch(`${companion.url}/api/egress`, {
      headers: { authorization: `Bearer ${companion.token}` },
    })
    const { entries } = v.parse(egressListSchema, await answer.json())
    expect(entries).toMatchObject([
      { kind: 'download', host: '127.0.0.1', purpose: 'Python: six', connections: 1 },
    ])
    expect(entries[0]!.runId).toBeDefined()
  })
})

const run = () => ({ id: 'r', signal: new AbortController().signal, emit: () => {} })

describe('the service of packages', () => {
  it('fetches what the hash fits, once', async () => {
    const lock = join(home, 'lock.json')
    const sha256 = createHash('sha256').update(wheel).digest('hex')
    const entry = { name: 'good', version: '1', file_name: 'good-1-py3-none-any.whl', sha256, depends: [], imports: ['good'] } // prettier-ignore
    const missing = { ...entry, name: 'missing', file_name: 'missing-1-py3-none-any.whl' }
    writeFileSync(lock, JSON.stringify({ packages: { good: entry, missing } }))
    const service = new PackageService({
      packages: new PythonPackages({ folder: join(home, 'cache'), lock }),
      source: `${source}/`,
      announce: (_announcement, work) => work(),
    })
    asked = []
    expect(await service.fetching(['good'])(run())).toEqual({ counts: { packages: 1 } })
    await service.fetching(['good'])(run())
    expect(asked).toEqual(['/full/good-1-py3-none-any.whl'])
    expect(await service.list()).toEqual(['good'])
    await expect(service.fetching(['missing'])(run())).rejects.toMatchObject({ code: 'download_failed' }) // prettier-ignore
    const stopped = { ...run(), signal: AbortSignal.abort(new Error('stopped')) }
    await expect(service.fetching(['missing'])(stopped)).rejects.toThrow('stopped')
    expect(await service.list()).toEqual(['good'])
  })

  it('asks nobody where nothing outside is to be asked', async () => {
    const service = new PackageService({
      packages: new PythonPackages({ folder: join(home, 'none') }),
      announce: () => expect.unreachable(),
    })
    await expect(service.fetching(['six'])(run())).rejects.toMatchObject({ code: 'download_failed' }) // prettier-ignore
  })
})
