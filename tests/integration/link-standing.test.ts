import { afterEach, expect, it, vi } from 'vitest'
import { acquaint, bareLink, type BareLink } from './link-pair.ts'
import { LinkDevice } from './link-device.ts'

const protocol = '/silo/test/1'
let open: BareLink[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

async function some(...names: string[]): Promise<BareLink[]> {
  const made = await Promise.all(names.map((name) => bareLink(name)))
  open.push(...made)
  return made
}
const stands = (at: BareLink, other: BareLink) =>
  vi.waitFor(() => {
    const found = at.link.roads.find(other.id)
    expect(found).toMatchObject({ state: 'connected' })
    return found!
  }, 10_000)
const signal = () => AbortSignal.timeout(5000)

it('keeps one connection a pair though both dial, and both ends use it', async () => {
  const [a, b] = (await some('A', 'B')) as [BareLink, BareLink]
  acquaint(a, b, ['member', 'guest'])
  await Promise.all([stands(a, b), stands(b, a)])
  // What lost the race is gone after a moment, and exactly one end dialled what is left.
  await vi.waitFor(async () => {
    const [here, there] = [await stands(a, b), await stands(b, a)]
    expect([here.dialled, there.dialled].toSorted()).toEqual([false, true])
  })
  expect(await stands(b, a)).toMatchObject({ name: 'A', role: 'member' })
  const answer = await a.link.roads.get(b.id)!.request({ method: 'GET', path: '/x' }, signal())
  expect(await answer.text()).toBe('B')
  const back = await b.link.roads.get(a.id)!.request({ method: 'GET', path: '/x' }, signal())
  expect(await back.text()).toBe('A')
}, 20_000)

it('opens raw streams from either end, to who handles them', async () => {
  const [a, b] = (await some('A', 'B')) as [BareLink, BareLink]
  acquaint(a, b, ['member', 'owner'])
  await Promise.all([stands(a, b), stands(b, a)])
  const nobody = a.link.roads.openStream(b.id, protocol, signal())
  await expect(nobody).rejects.toMatchObject({ code: 'peer_unreachable' })
  for (const [from, to, role] of [
    [a, b, 'member'],
    [b, a, 'owner'],
  ] as const) {
    const seen = Promise.withResolvers<unknown>()
    const stop = to.link.roads.handle(protocol, async (stream, call) => {
      seen.resolve(call)
      for await (const piece of stream) await stream.send(piece)
      await stream.closeWrite()
    })
    const stream = await from.link.roads.openStream(to.id, protocol, signal())
    const sent = new Uint8Array(3_000_000).map((_, index) => index)
    const got: Uint8Array[] = []
    const reading = (async () => {
      for await (const piece of stream) got.push(piece)
    })()
    for (let at = 0; at < sent.length; at += 65_536) await stream.send(sent.subarray(at, at + 65_536)) // prettier-ignore
    await stream.closeWrite()
    await reading
    expect(Buffer.concat(got).equals(sent)).toBe(true)
    expect(await seen.promise).toEqual({ peerId: from.id, name: from.link.self().name, role })
    stop()
  }
}, 20_000)

it('is no way in for strangers and for devices that are no companions', async () => {
  const [a] = (await some('A')) as [BareLink]
  const handler = vi.fn()
  a.link.roads.handle(protocol, handler)
  const phone = await LinkDevice.create()
  try {
    for (const paired of [false, true]) {
      if (paired) a.book.put({ id: phone.id, name: 'Phone', kind: 'browser', role: 'owner' })
      const connection = await phone.dial(a.link.self().addresses, 'tcp')
      const stream = await phone.stream(connection, protocol)
      await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow()
    }
    expect(handler).not.toHaveBeenCalled()
    expect(a.link.roads.list()).toEqual([])
  } finally {
    await phone.close()
  }
}, 20_000)

it('comes back after the other one was away, and tells of it', async () => {
  const [a, b] = (await some('A', 'B')) as [BareLink, BareLink]
  acquaint(a, b)
  await Promise.all([stands(a, b), stands(b, a)])
  const states: string[] = []
  a.link.roads.onChange((id) => states.push(a.link.roads.find(id)!.state))
  await b.close()
  await vi.waitFor(() => expect(a.link.roads.get(b.id)).toBeUndefined(), 10_000)
  const call = a.link.roads.openStream(b.id, protocol, signal())
  await expect(call).rejects.toMatchObject({ code: 'peer_unreachable' })
  open.push(await b.restart())
  await Promise.all([stands(a, b), stands(open.at(-1)!, a)])
  expect(states).toContain('connected')
  expect(states.some((state) => state === 'away' || state === 'connecting')).toBe(true)
}, 30_000)

it('notices that it was shut out, and a new role ends what stood with the former', async () => {
  const [a, b] = (await some('A', 'B')) as [BareLink, BareLink]
  acquaint(a, b)
  await Promise.all([stands(a, b), stands(b, a)])
  b.link.patchDevice(a.id, { role: 'guest' })
  await vi.waitFor(() => expect(b.link.roads.find(a.id)).toMatchObject({ role: 'guest', state: 'connected' }), 10_000) // prettier-ignore
  b.link.removeDevice(a.id)
  await vi.waitFor(() => expect(a.link.roads.find(b.id)).toMatchObject({ state: 'refused' }), 10_000) // prettier-ignore
  expect(b.link.roads.list()).toEqual([])
  a.link.removeDevice(b.id)
  expect(a.link.roads.list()).toEqual([])
}, 30_000)
