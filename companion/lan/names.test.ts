import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import packet from 'dns-packet'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LanAddress } from './interfaces.ts'
import { createMulticast, type Multicast } from './multicast.ts'
import { NameClaim } from './name-claim.ts'
import { answersFor, type Message } from './name-records.ts'
import { Names } from './names.ts'

let port: number
const open: AsyncDisposable[] = []
beforeEach(async () => (port = await freePort()))
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]()
})

/** Machines of a network on loopback: each is another of its addresses. */
const at = (last: number): LanAddress => ({
  address: `127.0.0.${last}`,
  netmask: '255.0.0.0',
  interfaceName: 'lo',
})

function machine(last: number, names: readonly string[], warn: () => void = () => {}): Names {
  const made = new Names({ names, addresses: [at(last)], warn, port, pace: 0.1 })
  open.push(made)
  return made
}

/** Hears everything on the link. */
async function listener(): Promise<{ heard: Message[]; multicast: Multicast }> {
  const multicast = createMulticast({ address: '127.0.0.1', port })
  open.push({ [Symbol.asyncDispose]: () => multicast.close() })
  const heard: Message[] = []
  multicast.onMessage((message) => heard.push(message))
  await new Promise<void>((resolve) => multicast.onReady(resolve))
  return { heard, multicast }
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 10_000) throw new Error('it did not happen')
    await sleep(10)
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

const addressesSaid = (messages: readonly Message[], name: string, ttl?: number): string[] =>
  messages.flatMap(({ type, answers }) =>
    type === 'response'
      ? (answers ?? []).flatMap((answer) =>
          answer.type === 'A' && answer.name === name && (ttl === undefined || answer.ttl === ttl)
            ? [answer.data]
            : [],
        )
      : [],
  )

describe('a name on the network', () => {
  it('belongs to the first that asks for it, and to the next when that one leaves', async () => {
    const first = machine(1, ['silo.local', 'silo-aaaaaa.local'])
    await until(() => first.claimed.length === 2)
    const second = machine(2, ['silo.local', 'silo-bbbbbb.local'])
    await until(() => second.claimed.join() === 'silo-bbbbbb.local')
    await sleep(200)
    expect(second.claimed).toEqual(['silo-bbbbbb.local'])
    expect(first.claimed).toEqual(['silo.local', 'silo-aaaaaa.local'])

    let changes = 0
    second.onChange(() => changes++)
    await first[Symbol.asyncDispose]()
    await until(() => second.claimed.length === 2)
    expect(second.claimed).toEqual(['silo.local', 'silo-bbbbbb.local'])
    expect(changes).toBeGreaterThan(0)
  })

  it('belongs to one of two that ask at once', async () => {
    const both = [machine(1, ['silo.local']), machine(2, ['silo.local'])]
    const holders = () => both.filter(({ claimed }) => claimed.length > 0).length
    await until(() => holders() === 1)
    await sleep(300)
    expect(holders()).toBe(1)
  })

  it('is shared by companions of one machine: they would say the same', async () => {
    const both = [machine(1, ['silo.local']), machine(1, ['silo.local'])]
    await until(() => both.every(({ claimed }) => claimed.length === 1))
  })

  it('is announced, answered for, and taken back', async () => {
    const { heard, multicast } = await listener()
    const desk = machine(3, ['silo.local'])
    await until(() => addressesSaid(heard, 'silo.local', 120).length >= 2)
    const probes = heard.filter((message) => message.type === 'query')
    expect(probes).toHaveLength(3)
    expect(probes[0]!.authorities).toMatchObject([{ name: 'silo.local', data: '127.0.0.3' }])

    heard.length = 0
    multicast.send({ type: 'query', questions: [{ name: 'SILO.local', type: 'A' }] })
    await until(() => addressesSaid(heard, 'SILO.local').length > 0)
    expect(addressesSaid(heard, 'SILO.local', 120)).toEqual(['127.0.0.3'])

    await desk[Symbol.asyncDispose]()
    await until(() => addressesSaid(heard, 'silo.local', 0).length > 0)
    heard.length = 0
    multicast.send({ type: 'query', questions: [{ name: 'silo.local', type: 'A' }] })
    await sleep(200)
    expect(heard.filter((message) => message.type === 'response')).toEqual([])
  })

  it('moves with the machine’s address', async () => {
    const { heard } = await listener()
    const desk = machine(4, ['silo.local'])
    await until(() => desk.claimed.length === 1)
    await desk.setAddresses([at(5)])
    await until(() => addressesSaid(heard, 'silo.local', 0).includes('127.0.0.4'))
    await until(() => addressesSaid(heard, 'silo.local', 120).includes('127.0.0.5'))
    expect(desk.claimed).toEqual(['silo.local'])
    // Nothing new: nothing is said.
    heard.length = 0
    await desk.setAddresses([at(5)])
    await sleep(150)
    expect(addressesSaid(heard, 'silo.local', 0)).toEqual([])
    await desk.setAddresses([])
    expect(desk.claimed).toEqual([])
  })

  it('is found by a resolver that asks from a port of its own, as phones do', async () => {
    const desk = machine(6, ['silo.local'])
    await until(() => desk.claimed.length === 1)
    const phone = createSocket('udp4').bind(0, '127.0.0.1')
    await once(phone, 'listening')
    phone.setMulticastInterface('127.0.0.1')
    phone.send(packet.encode({ id: 4711, type: 'query', questions: [{ name: 'silo.local', type: 'A' }] }), port, '224.0.0.251') // prettier-ignore
    const [bytes] = (await once(phone, 'message')) as [Buffer]
    phone.close()
    const answer = packet.decode(bytes)
    expect(answer.id).toBe(4711)
    expect(answer.questions).toMatchObject([{ name: 'silo.local', type: 'A' }])
    expect(answer.answers).toMatchObject([{ type: 'A', data: '127.0.0.6', ttl: 10, flush: false }])
  })

  it('bears packets that are none, and an interface that is gone', async () => {
    const desk = machine(7, ['silo.local'])
    await until(() => desk.claimed.length === 1)
    const sender = createSocket('udp4').bind(0, '127.0.0.1')
    await once(sender, 'listening')
    sender.setMulticastInterface('127.0.0.1')
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(11, 255),
      Buffer.alloc(9000, 1),
      Buffer.from('GET / HTTP/1.1'),
    ])
      // prettier-ignore
      sender.send(bytes, port, '224.0.0.251')
    sender.send(packet.encode({ id: 1, type: 'query', questions: [{ name: 'silo.local', type: 'A' }] }), port, '224.0.0.251') // prettier-ignore
    expect((await once(sender, 'message'))[0]).toBeInstanceOf(Buffer)
    sender.close()

    let warnings = 0
    const nowhere: LanAddress = { address: '203.0.113.77', netmask: '255.255.255.0', interfaceName: 'usb0' } // prettier-ignore
    const other = new Names({ names: ['x.local'], addresses: [nowhere], warn: () => warnings++, port, pace: 0.1 }) // prettier-ignore
    open.push(other)
    await until(() => warnings > 0)
    await sleep(100)
    expect(warnings).toBe(1)
  })
})

const record = (data: string) => ({ name: 'silo.local', type: 'A' as const, ttl: 120, data })
const ask = (type: string, rest: Partial<Message> = {}, name = 'silo.local'): Message => ({
  type: 'query',
  questions: [{ name, type, class: 'IN' }],
  ...rest,
})
const known = (ttl: number) => ({ answers: [{ ...record('10.0.0.1'), ttl }] })

describe('the answer', () => {
  const held = ['silo.local']
  const addresses = ['10.0.0.1', '10.0.0.2']

  it('is what was asked and not known yet, and nothing about other names', () => {
    expect(answersFor(ask('A'), held, addresses, false)?.answers).toMatchObject([
      { data: '10.0.0.1', ttl: 120, flush: true },
      { data: '10.0.0.2', ttl: 120, flush: true },
    ])
    expect(answersFor(ask('A', {}, 'nas.local'), held, addresses, false)).toBeUndefined()
    expect(answersFor(ask('A', {}, 'x.silo.local'), held, addresses, false)).toBeUndefined()
    expect(answersFor(ask('A', known(100)), held, addresses, false)?.answers).toHaveLength(1)
    expect(answersFor(ask('A', known(20)), held, addresses, false)?.answers).toHaveLength(2)
    expect(answersFor(ask('A', known(100)), held, ['10.0.0.1'], false)).toBeUndefined()
  })

  it('says that there is no IPv6 address', () => {
    expect(answersFor(ask('AAAA'), held, addresses, false)?.answers).toMatchObject([
      { type: 'NSEC', data: { nextDomain: 'silo.local', rrtypes: ['A'] } },
    ])
  })
})

/** Asks for a name, and gets this message with its first question. Resolves with all that was said until it has it, or not. */
async function claimAgainst(message: Message): Promise<{ sent: Message[]; state: string }> {
  const sent: Message[] = []
  let settled = false
  const claim: NameClaim = new NameClaim({
    name: 'silo.local',
    addresses: ['10.0.0.5'],
    send(said) {
      if (sent.push(said) === 1) claim.take(message)
      settled = said.type === 'response' || claim.state === 'lost'
    },
    onChange() {},
    pace: 0.02,
  })
  claim.start()
  await until(() => settled)
  const { state } = claim
  claim.stop()
  return { sent, state }
}

describe('two that ask at once', () => {
  it('agree that the later address wins', async () => {
    const later = await claimAgainst({ type: 'query', authorities: [record('10.0.0.40')] })
    // It began anew after a pause: its first question, and three more.
    expect(later.sent.filter(({ type }) => type === 'query')).toHaveLength(4)
    const earlier = await claimAgainst({ type: 'query', authorities: [record('10.0.0.4')] })
    expect(earlier.sent.filter(({ type }) => type === 'query')).toHaveLength(3)
    expect([later.state, earlier.state]).toEqual(['held', 'held'])
  })

  it('leave the name to the one that has it already', async () => {
    const lost = await claimAgainst({ type: 'response', answers: [record('10.0.0.4')] })
    expect(lost.state).toBe('lost')
    expect(lost.sent).toHaveLength(1)
    const own = await claimAgainst({ type: 'response', answers: [record('10.0.0.5')] })
    expect(own.state).toBe('held')
  })
})
