/**
 * The sums behind the pairing messages, the same on both ends. Parts are joined by `|`, which is in none of them:
 * ids are base58, nonces and secrets base64url. WebCrypto, which browsers and Node both have.
 */
const label = 'silo-pair-1'

interface Ends {
  readonly companionId: string
  readonly clientId: string
}

/** By link: the client knows the secret. base64url of 32 bytes. */
export function clientProof(secret: string, { companionId, clientId }: Ends): Promise<string> {
  return hmac(secret, [`${label} client`, clientId, companionId])
}

/** By link: the companion knows the secret too. */
export function companionProof(secret: string, { companionId, clientId }: Ends): Promise<string> {
  return hmac(secret, [`${label} companion`, companionId, clientId])
}

/** By code: what the companion binds itself to before it has seen the client's nonce. */
export async function commitmentTo(companionNonce: string, ends: Ends): Promise<string> {
  const { companionId, clientId } = ends
  return toBase64Url(await digest([`${label} commit`, companionId, clientId, companionNonce]))
}

/** By code: the six digits both screens show. */
export async function shortCode(
  ends: Ends & { readonly companionNonce: string; readonly clientNonce: string },
): Promise<string> {
  const { companionId, clientId, companionNonce, clientNonce } = ends
  const hash = await digest([`${label} code`, companionId, clientId, companionNonce, clientNonce])
  // 48 bits: the remainder favours no code by more than one in 10^8.
  const number = hash.subarray(0, 6).reduce((sum, byte) => sum * 256 + byte, 0)
  return String(number % 1_000_000).padStart(6, '0')
}

/** 256 random bits, base64url. */
export function randomNonce(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(32)))
}

/** Whether two texts are equal, in a time that does not tell where they differ. */
export function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let index = 0; index < a.length; index++)
    difference |= a.charCodeAt(index) ^ b.charCodeAt(index % (b.length || 1))
  return difference === 0
}

async function hmac(secret: string, parts: readonly string[]): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', fromBase64Url(secret), algorithm, false, ['sign']) // prettier-ignore
  return toBase64Url(new Uint8Array(await crypto.subtle.sign('HMAC', key, encode(parts))))
}

async function digest(parts: readonly string[]): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', encode(parts)))
}

function encode(parts: readonly string[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(parts.join('|'))
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes))
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
