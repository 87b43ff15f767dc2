import { buildPushPayload } from '@block65/webcrypto-web-push'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { Log } from '#companion/observe/log.ts'
import type { RunRecord } from '#companion/runs/run-log.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { PushPayload, PushSubscriptionInfo } from '#shared/protocol/push.ts'
import type { PushKeys } from './push-keys.ts'
import type { PushRecord, PushRecords } from './push-records.ts'

export interface PushInit {
  readonly records: PushRecords
  /** Made when they are first needed. */
  readonly keys: () => PushKeys
  readonly egress: Pick<EgressGate, 'announce'>
  /** The switch. While it is off nothing is sent and nobody is taken in. */
  readonly enabled: () => boolean
  /** Whose runs a device sees ('' the owners'); undefined for one that is not paired any more. */
  readonly spaceOfDevice: (deviceId: string) => string | undefined
  readonly log: Log
  readonly isPushService?: (url: URL) => boolean
  readonly post?: PushPost
  /** Only tests change this. */
  readonly askedAfterMs?: number
}

export type PushPost = (
  url: string,
  init: { headers: Record<string, string>; body: Uint8Array<ArrayBuffer>; signal: AbortSignal },
) => Promise<{ status: number }>

/** A run shorter than this is not worth a notification, ms. */
export const longRunMs = 20_000
/** Whoever sits before an open page answers before this, ms: no phone needs to hear of it. */
const askedAfterMs = 20_000
const sendMs = 15_000
/** Seconds a push service keeps what it cannot deliver. */
const keptSeconds = 24 * 3600
/** RFC 8292 wants a contact; there is none to name. */
const contact = 'mailto:nobody@example.com'

/** Tells browsers, by their makers' push services, that a long task is over or waits for leave. Each send is on the egress ledger first. */
export class Push {
  readonly #init: PushInit
  readonly #closed = new AbortController()
  readonly #asked = new Map<string, { runId: string; timer: NodeJS.Timeout }>()

  constructor(init: PushInit) {
    this.#init = init
  }

  info(): { enabled: boolean; publicKey: string } {
    return { enabled: this.#init.enabled(), publicKey: this.#init.keys().publicKey }
  }

  /** @throws SiloError push_off, bad_request where this is no subscription of a browser */
  async subscribe(record: PushRecord): Promise<void> {
    if (!this.#init.enabled()) throw new SiloError('push_off')
    const { endpoint, keys } = record.subscription
    if (!(this.#init.isPushService ?? isPushService)(new URL(endpoint)))
      throw notValid('subscription.endpoint')
    await importPoint(keys.p256dh).catch(() => {
      throw notValid('subscription.keys.p256dh')
    })
    this.#init.records.put(record)
  }

  unsubscribe(endpoint: string, deviceId: string): void {
    this.#init.records.remove(endpoint, deviceId)
  }

  /** Resolves when everybody who sees the run was told, or could not be. Never throws. */
  async runEnded(run: RunRecord): Promise<void> {
    const { id: runId, kind, subject, outcome, startedAt, endedAt } = run
    for (const [approvalId, asked] of this.#asked)
      if (asked.runId === runId) this.approvalOver(approvalId)
    if (!this.#init.enabled() || outcome === undefined || outcome === 'cancelled') return
    if ((endedAt ?? startedAt) - startedAt < longRunMs) return
    await this.#tell(
      (space) => run.space === space || (space === '' && kind !== 'chat'),
      (language) => ({ type: 'run-ended', runId, kind, subject, outcome, language }),
    )
  }

  /** The agent asks the owners something. They are told if nobody has answered after a while. */
  approvalWaits(runId: string, approvalId: string): void {
    if (!this.#init.enabled() || this.#asked.has(approvalId)) return
    const timer = setTimeout(() => {
      this.#asked.delete(approvalId)
      if (!this.#init.enabled()) return
      void this.#tell(
        (space) => space === '',
        (language) => ({ type: 'approval-waits', runId, approvalId, language }),
      )
    }, this.#init.askedAfterMs ?? askedAfterMs)
    timer.unref()
    this.#asked.set(approvalId, { runId, timer })
  }

  /** It was answered, or is asked no more. */
  approvalOver(approvalId: string): void {
    clearTimeout(this.#asked.get(approvalId)?.timer)
    this.#asked.delete(approvalId)
  }

  close(): void {
    for (const approvalId of this.#asked.keys()) this.approvalOver(approvalId)
    this.#closed.abort(new SiloError('shutting_down'))
  }

  async #tell(
    sees: (space: string) => boolean,
    payloadIn: (language: PushRecord['language']) => PushPayload,
  ): Promise<void> {
    const told = this.#init.records.list().map(async (record) => {
      const space = this.#init.spaceOfDevice(record.deviceId)
      if (space === undefined) return this.#init.records.remove(record.subscription.endpoint)
      if (sees(space)) await this.#send(record, payloadIn(record.language))
    })
    for (const result of await Promise.allSettled(told))
      if (result.status === 'rejected')
        this.#init.log.warn('a push was not sent', { error: result.reason as unknown })
  }

  async #send({ subscription, deviceName }: PushRecord, payload: PushPayload): Promise<void> {
    const { endpoint } = subscription
    const message = {
      data: payload,
      options: { ttl: keptSeconds, urgency: 'normal' as const },
    }
    const vapid = { subject: contact, ...this.#init.keys() }
    const { headers, body } = await buildPushPayload(
      message,
      { ...subscription, expirationTime: null },
      vapid,
    )
    if (!this.#init.enabled()) return
    const { 'content-length': _length, ...rest } = headers
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(sendMs)])
    const { status } = await this.#init.egress.announce(
      { kind: 'push', host: new URL(endpoint).hostname, purpose: payload.type, device: deviceName },
      () => (this.#init.post ?? post)(endpoint, { headers: rest, body, signal }),
    )
    // The browser withdrew the subscription.
    if (status === 404 || status === 410) this.#init.records.remove(endpoint)
    else if (status >= 400) this.#init.log.warn('a push service refused', { status })
  }
}

const post: PushPost = async (url, init) => {
  const response = await fetch(url, { method: 'POST', redirect: 'error', ...init })
  await response.body?.cancel()
  return response
}

/** A public https host: the endpoint comes from a browser, and must not steer the companion into the house. */
export function isPushService({ protocol, hostname, port, username, password }: URL): boolean {
  const isAddress = hostname.startsWith('[') || /^[\d.]+$/.test(hostname)
  const inside =
    /(^|\.)(localhost|local|lan|internal|home|home\.arpa|intranet|private|test|invalid)\.?$/
  return (
    protocol === 'https:' &&
    port === '' &&
    username === '' &&
    password === '' &&
    !isAddress &&
    hostname.includes('.') &&
    !inside.test(hostname)
  )
}

function importPoint(p256dh: PushSubscriptionInfo['keys']['p256dh']): Promise<unknown> {
  const algorithm = { name: 'ECDH', namedCurve: 'P-256' }
  return crypto.subtle.importKey('raw', Buffer.from(p256dh, 'base64url'), algorithm, false, [])
}

function notValid(field: string): SiloError {
  return new SiloError('bad_request', { params: { detail: `${field}: not accepted` }, field })
}
