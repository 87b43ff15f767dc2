import { generateKeyPairSync } from 'node:crypto'
import { DeviceBook } from '#companion/link/device-book.ts'
import { linkKey } from '#companion/link/identity.ts'
import { Link } from '#companion/link/link.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import type { Role } from '#shared/domain/device.ts'

export interface BareLink {
  readonly link: Link
  readonly book: DeviceBook
  readonly id: string
  readonly keyPem: string
  /** Ends it; `restart` begins anew with the same key and book. */
  close(): Promise<void>
  restart(): Promise<BareLink>
}

const text = () => {
  let kept: string | undefined
  return { read: () => kept, write: (value: string) => void (kept = value) }
}

/** The link of a companion alone, over the real libp2p, at a fast pace. */
export async function bareLink(
  name: string,
  answer: (request: Request) => Promise<Response> = async () => new Response(name),
): Promise<BareLink> {
  const keyPem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() // prettier-ignore
  const id = linkKey(keyPem).publicKey.toString()
  const book = new DeviceBook(openDatabase(':memory:'))
  const kept = { certificate: text(), lastPort: text() }
  const start = async (): Promise<BareLink> => {
    const link: Link = new Link({
      allowed: true,
      id,
      keyPem,
      name,
      port: 0,
      mdns: false,
      ...kept,
      book,
      hosts: () => ['127.0.0.1'],
      names: () => [],
      appBase: () => 'http://localhost:1',
      appUrls: () => [],
      async answer(request, caller) {
        if (new URL(request.url).pathname !== '/api/link') return answer(request)
        const body = { companion: link.self(), state: link.state, self: null, road: caller.road, role: caller.role, appUrls: [] } // prettier-ignore
        return Response.json(body)
      },
      onChange: () => {},
      log: silentLog,
      standing: { firstWaitMs: 40, longestWaitMs: 300, pingMs: 250 },
    })
    await link.start()
    return { link, book, id, keyPem, close: () => link[Symbol.asyncDispose](), restart: start }
  }
  return start()
}

/** Enters both into each other's book, as a pairing would. */
export function acquaint(
  a: BareLink,
  b: BareLink,
  roles: [aAtB: Role, bAtA: Role] = ['owner', 'owner'],
): void {
  // prettier-ignore
  const enter = (at: BareLink, other: BareLink, role: Role): void => {
    at.book.put({ id: other.id, name: other.link.self().name, kind: 'companion', role })
    at.book.learnAddresses(other.id, other.link.self().addresses)
  }
  enter(a, b, roles[1])
  enter(b, a, roles[0])
  // Any change makes the link look into its book.
  a.link.patchDevice(b.id, {})
  b.link.patchDevice(a.id, {})
}
