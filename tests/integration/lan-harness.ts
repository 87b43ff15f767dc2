import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { createFakeEngine } from '../fakes/engine.ts'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import type { LanAddress } from '#companion/lan/interfaces.ts'
import { lanResponseSchema, type Lan } from '#shared/protocol/lan.ts'

export interface LanHarness {
  readonly home: string
  companion: Companion
  readonly multicastPort: number
  /** The machine's addresses from now on: others of loopback. */
  moveTo(...lastBytes: number[]): void
  lan(): Promise<Lan>
  turn(on: boolean): Promise<Lan>
  restart(env?: Record<string, string>): Promise<void>
  close(): Promise<void>
}

/** A companion with the local network on, whose network is this machine's loopback: nobody outside hears of it. */
export async function createLanHarness(env: Record<string, string> = {}): Promise<LanHarness> {
  const home = mkdtempSync(join(tmpdir(), 'silo-lan-'))
  const webRoot = join(home, 'web')
  mkdirSync(webRoot)
  writeFileSync(join(webRoot, 'index.html'), '<!doctype html><p>app</p>')
  writeFileSync(join(webRoot, 'service-worker.js'), 'self.x = 1')
  const socket = createSocket('udp4').bind(0)
  await once(socket, 'listening')
  const multicastPort = socket.address().port
  socket.close()
  let addresses = addressesOf(5)
  const start = (more: Record<string, string>): Promise<Companion> =>
    startCompanion(
      loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_LAN: '1', SILO_LAN_PORT: '0', SILO_OFFLINE: '1', ...env, ...more }), // prettier-ignore
      {
        engine: createFakeEngine(),
        webRoot,
        lan: { readAddresses: () => addresses, multicast: { port: multicastPort, pace: 0.1 } },
      },
    )
  const harness: LanHarness = {
    home,
    companion: await start({}),
    multicastPort,
    moveTo: (...lastBytes) => void (addresses = addressesOf(...lastBytes)),
    lan: () => api(harness, 'GET'),
    turn: (on) => api(harness, 'PATCH', { on }),
    async restart(more = {}) {
      await harness.companion.close()
      harness.companion = await start(more)
    },
    async close() {
      await harness.companion.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
  return harness
}

function addressesOf(...lastBytes: number[]): LanAddress[] {
  return lastBytes.map((last) => ({ address: `127.0.0.${last}`, netmask: '255.0.0.0', interfaceName: 'lo' })) // prettier-ignore
}

async function api({ companion }: LanHarness, method: string, body?: unknown): Promise<Lan> {
  const response = await fetch(`${companion.url}/api/lan`, {
    method,
    headers: { authorization: `Bearer ${companion.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(await response.text())
  return v.parse(lanResponseSchema, await response.json()).lan
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly bytes: Buffer
  /** SHA-256 of the server's certificate, and what it is for. */
  readonly certificate: { fingerprint: string; names: string } | undefined
}

/** One request on a connection of its own. `ca` is what the client trusts. */
export function ask(
  address: string,
  options: { ca?: string; headers?: Record<string, string>; method?: string } = {},
): Promise<Answer> {
  const url = new URL(address)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    // A wrong Host in a header is the server's matter, not that of the certificate.
    const check = (_: string, peer: PeerCertificate) => checkServerIdentity(url.hostname, peer)
    const request = send(
      url,
      { agent: false, checkServerIdentity: check, ...options },
      (response) => {
        const peer = (response.socket as TLSSocket).getPeerCertificate?.()
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const bytes = Buffer.concat(parts)
          const { statusCode: status = 0, headers } = response
          resolve({
            status,
            headers,
            bytes,
            text: bytes.toString(),
            certificate: peer && { fingerprint: peer.fingerprint256, names: peer.subjectaltname ?? '' }, // prettier-ignore
          })
        })
      },
    )
    request.on('error', reject)
    request.setTimeout(10_000, () => request.destroy(new Error('no answer')))
    request.end()
  })
}

export async function until<T>(
  look: () => Promise<T> | T,
  good: (value: T) => boolean,
): Promise<T> {
  for (let waited = 0; ; waited += 20) {
    const value = await look()
    if (good(value)) return value
    if (waited > 10_000) throw new Error(`it did not happen: ${JSON.stringify(value)}`)
    await sleep(20)
  }
}
