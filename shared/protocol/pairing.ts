import * as v from 'valibot'
import {
  addressSchema,
  companionAddressSchema,
  deviceKindSchema,
  deviceNameSchema,
  pairedDeviceSchema,
  peerIdSchema,
} from '#shared/domain/device.ts'
import { SiloError, wireErrorSchema } from '#shared/errors/silo-error.ts'

/** The libp2p protocols. Nothing but pairing is answered to a device that is not in the book. */
export const pairProtocol = '/silo/pair/1'
export const fetchProtocol = '/silo/fetch/1'

/** How long an invitation stands, ms, and how many wrong answers it bears. */
export const invitationMs = 120_000
export const invitationTries = 3

/** 128 random bits, base64url. */
const secretSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/))

/** What a QR code or link carries. It lies in the fragment, which no server sees. */
export const invitationSchema = v.object({
  companionId: peerIdSchema,
  name: v.pipe(v.string(), v.maxLength(60)),
  secret: secretSchema,
  addresses: v.pipe(v.array(addressSchema), v.minLength(1), v.maxLength(12)),
  /** Ms since 1970, by the companion's clock: shown, never decisive, since clocks differ. */
  expiresAt: v.number(),
})
export type Invitation = v.InferOutput<typeof invitationSchema>

/** `base` is the address of the app without a path, e.g. `https://192.168.1.5:7451`. */
export function encodeInvitation(base: string, invitation: Invitation): string {
  const { companionId, name, secret, addresses, expiresAt } = invitation
  const fragment = new URLSearchParams([
    ['v', '1'],
    ['c', companionId],
    ['n', name],
    ['s', secret],
    ['e', String(expiresAt)],
    // The companion's id stands once.
    ...addresses.map((address) => ['a', address.replace(/\/p2p\/[^/]+$/, '')]),
  ] as [string, string][])
  return `${base.replace(/\/+$/, '')}/pair#${fragment}`
}

/** Reads a link, or the fragment of one, however it was pasted. @throws SiloError pairing_link_invalid */
export function decodeInvitation(text: string): Invitation {
  const fragment = new URLSearchParams(text.trim().replace(/^[^#]*#/, ''))
  const companionId = fragment.get('c') ?? ''
  const parsed = v.safeParse(invitationSchema, {
    companionId,
    name: fragment.get('n') ?? '',
    secret: fragment.get('s') ?? '',
    addresses: fragment.getAll('a').map((address) => `${address}/p2p/${companionId}`),
    expiresAt: Number(fragment.get('e')),
  })
  if (fragment.get('v') !== '1' || !parsed.success) throw new SiloError('pairing_link_invalid')
  return parsed.output
}

const nonceSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/))

/**
 * Messages on a pairing stream: each a 4-byte big-endian length and that many bytes of JSON, at most 8 KiB.
 * Both ids are proved by Noise before; the exchange proves that both ends know the invitation, or that a person
 * saw the same code on both screens.
 *
 * By link: `hello{proof}` → `paired` | `refused`, where proof = HMAC-SHA256(secret, "silo-pair-1 client" | clientId |
 * companionId), and the answer's proof = HMAC-SHA256(secret, "silo-pair-1 companion" | companionId | clientId).
 *
 * By code: `hello{}` → `commit{commitment}` → `reveal{nonce}` → `open{nonce}`; both show
 * `shortCode(…)`; the person confirms it on the companion → `paired` | `refused`.
 * commitment = SHA-256("silo-pair-1 commit" | companionId | clientId | companion nonce): the companion binds
 * itself before it sees the client's nonce, so that nobody between them can steer both codes to be equal.
 */
export const pairHelloSchema = v.object({
  type: v.literal('hello'),
  name: deviceNameSchema,
  kind: deviceKindSchema,
  platform: v.optional(v.pipe(v.string(), v.maxLength(120))),
  /** base64url of 32 bytes; absent to pair by code. */
  proof: v.optional(nonceSchema),
})
export type PairHello = v.InferOutput<typeof pairHelloSchema>
export const pairRevealSchema = v.object({ type: v.literal('reveal'), nonce: nonceSchema })
export const pairReplySchema = v.variant('type', [
  v.object({ type: v.literal('commit'), commitment: nonceSchema }),
  v.object({ type: v.literal('open'), nonce: nonceSchema }),
  v.object({
    type: v.literal('paired'),
    device: pairedDeviceSchema,
    companion: companionAddressSchema,
    /** By link: proves that the companion knows the secret too. */
    proof: v.optional(nonceSchema),
  }),
  v.object({ type: v.literal('refused'), error: wireErrorSchema }),
])
export type PairReply = v.InferOutput<typeof pairReplySchema>
