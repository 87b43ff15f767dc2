import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from '#tests/e2e/companion.ts' // prettier-ignore
import { createNetwork, type Network } from '#tests/e2e/network.ts'

/**
 * With the web switch off nothing leaves: a day of work in a network namespace of its own, whose only cable counts every
 * frame, address look-ups included. It is the kernel that counts, so no process and no library can forget to say something.
 */
let network: Network
let companion: RunningCompanion
let person: string
const desk = (command: string, ...args: string[]) => {
  const [program = '', ...rest] = [...network.desk.prefix, command, ...args]
  return promisify(execFile)(program, rest, { timeout: 150_000, maxBuffer: 1 << 24 })
}

/** Frames that came out of the desk's cable so far, as its other end has counted them. */
function frames(): number {
  const [program = '', ...rest] = network.phone.prefix
  const table = execFileSync(program, [...rest, 'cat', '/proc/net/dev'], { encoding: 'utf8' })
  const lines = table.split('\n').filter((line) => /^\s*s[pd]\d+:/.test(line))
  if (lines.length !== 1) throw new Error(`no cable in\n${table}`)
  return Number(lines[0]!.split(':')[1]!.trim().split(/\s+/)[1])
}

beforeAll(async () => {
  network = createNetwork()
  if (!network.isolated) return
  // The kernel's own greetings over IPv6 are no work of ours.
  for (const machine of [network.desk, network.phone])
    execFileSync(machine.prefix[0]!, [...machine.prefix.slice(1), 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']) // prettier-ignore
  person = mkdtempSync(join(tmpdir(), 'silo-person-'))
  const home = makeHome()
  // Not offline by order: what it may reach it could.
  companion = await startCompanionProcess(home, { HOME: person }, 'companion/main.ts', network.desk.prefix) // prettier-ignore
})
afterAll(async () => {
  await companion?.stop()
  if (companion) removeHome(companion.home)
  if (person) rmSync(person, { recursive: true, force: true })
  network.close()
})

it('a day of work sends not one packet, and the ledger is empty', async (context) => {
  if (!network.isolated) return context.skip('needs network namespaces')
  const before = frames()
  const { searchParams } = new URL(companion.urlWithToken)
  const { stdout } = await desk(
    process.execPath,
    'tests/integration/egress-none.child.ts',
    companion.url,
    searchParams.get('token') ?? '',
    person,
  )
  expect(JSON.parse(stdout)).toEqual({
    chat: 'done',
    ingest: 'done',
    found: true,
    vault: 'done',
    agent: 'done',
    webSearch: 'none',
    ledger: { entries: [], total: 0 },
    refused: [],
  })
  expect(existsSync(join(person, 'papers.zip'))).toBe(true)
  expect(frames() - before).toBe(0)
}, 180_000)

it('a single packet would have been counted', async (context) => {
  if (!network.isolated) return context.skip('needs network namespaces')
  const before = frames()
  await desk(process.execPath, '-e', "const s = require('node:dgram').createSocket('udp4'); s.send('x', 9, '203.0.113.7', () => setTimeout(() => s.close(), 300))") // prettier-ignore
  expect(frames() - before).toBeGreaterThan(0)
})
