import type { Answer, Packet } from 'dns-packet'

/** A DNS message as far as it concerns names: what is asked, what is said. */
export interface Message {
  readonly id?: number
  readonly type: 'query' | 'response'
  readonly questions?: readonly Question[]
  readonly answers?: readonly Answer[]
  /** Of a probe: what the asker means to say. */
  readonly authorities?: readonly Answer[]
}
interface Question {
  readonly name: string
  readonly type: string
  readonly class?: string
}

/** How long others may remember an address, s (RFC 6762 §10). */
export const recordSeconds = 120
/** A resolver of plain DNS keeps what it heard for this long at most, s (§6.7). */
const legacySeconds = 10

/** The addresses of a name; `seconds` 0 takes them back. */
export function addressRecords(
  name: string,
  addresses: readonly string[],
  seconds: number = recordSeconds,
  unique = true,
): Answer[] {
  return addresses.map((data) => ({
    name,
    type: 'A',
    class: 'IN',
    ttl: seconds,
    flush: unique,
    data,
  }))
}

/** Says that a name has addresses of IPv4 and nothing else, so that nobody waits for an IPv6 one (§6.1). */
function onlyAddresses(name: string, seconds: number, unique: boolean): Answer {
  return {
    name,
    type: 'NSEC',
    class: 'IN',
    ttl: seconds,
    flush: unique,
    data: { nextDomain: name, rrtypes: ['A'] },
  } as Answer
}

/**
 * The answer to a query for the names this machine holds; undefined where nothing is to be said: other names, or the
 * asker knows it already (§7.1). A probe for a name we hold is answered like any query: that defends it. `legacy` gives the form of plain DNS: same id, question repeated, short-lived.
 */
export function answersFor(
  query: Message,
  held: readonly string[],
  addresses: readonly string[],
  legacy: boolean,
): Message | undefined {
  const seconds = legacy ? legacySeconds : recordSeconds
  const answers: Answer[] = []
  const additionals: Answer[] = []
  const asked: Question[] = []
  for (const question of query.questions ?? []) {
    const name = held.find((name) => sameName(name, question.name))
    if (name === undefined || question.class === 'CH') continue
    const { type } = question
    if (type === 'A' || type === 'ANY') {
      const known = knownAddresses(query, name)
      const news = addresses.filter((address) => !known.has(address))
      answers.push(...addressRecords(question.name, news, seconds, !legacy))
      if (news.length > 0) additionals.push(onlyAddresses(question.name, seconds, !legacy))
    } else {
      answers.push(onlyAddresses(question.name, seconds, !legacy))
    }
    asked.push(question)
  }
  if (answers.length === 0) return undefined
  const message = { type: 'response' as const, answers, additionals }
  return legacy ? { ...message, id: query.id ?? 0, questions: asked } : message
}

function knownAddresses(query: Message, name: string): Set<string> {
  const records = addressesOf(query.answers ?? [], name)
  return new Set(records.filter(({ ttl }) => ttl >= recordSeconds / 2).map(({ data }) => data))
}

/** The address records of a name. */
export function addressesOf(
  records: readonly Answer[],
  name: string,
): { ttl: number; data: string }[] {
  return records.flatMap((record) =>
    record.type === 'A' && sameName(record.name, name)
      ? [{ ttl: record.ttl ?? 0, data: String(record.data) }]
      : [],
  )
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase().replace(/\.$/, '') === b.toLowerCase().replace(/\.$/, '')
}

/** What a decoded packet says, or undefined where it is neither query nor response. */
export function messageOf(packet: Packet): Message | undefined {
  return packet.type === 'query' || packet.type === 'response' ? (packet as Message) : undefined
}
