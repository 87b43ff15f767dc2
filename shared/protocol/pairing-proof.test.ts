import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { clientProof, commitmentTo, companionProof, randomNonce, sameText, shortCode } from './pairing-proof.ts' // prettier-ignore

const companionId = '12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf'
const clientId = '12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust'
const secret = 'AAECAwQFBgcICQoLDA0ODw'
const key = Buffer.from(secret, 'base64url')

const sum = (text: string) => createHmac('sha256', key).update(text).digest('base64url')

describe('pairing proofs', () => {
  it('are HMACs over both ids, another for each end', async () => {
    const ends = { companionId, clientId }
    expect(await clientProof(secret, ends)).toBe(
      sum(`silo-pair-1 client|${clientId}|${companionId}`),
    )
    expect(await companionProof(secret, ends)).toBe(
      sum(`silo-pair-1 companion|${companionId}|${clientId}`),
    )
  })

  it('are others for other ids and secrets', async () => {
    const proof = await clientProof(secret, { companionId, clientId })
    expect(await clientProof(secret, { companionId: clientId, clientId: companionId })).not.toBe(
      proof,
    )
    expect(await clientProof('AAECAwQFBgcICQoLDA0ODg', { companionId, clientId })).not.toBe(proof)
    expect(await companionProof(secret, { companionId, clientId })).not.toBe(proof)
  })

  it('make a code of six digits from both nonces, and a commitment from one', async () => {
    const [companionNonce, clientNonce] = ['a'.repeat(43), 'b'.repeat(43)]
    const ends = { companionId, clientId, companionNonce, clientNonce }
    const hash = createHash('sha256')
      .update(`silo-pair-1 code|${companionId}|${clientId}|${companionNonce}|${clientNonce}`)
      .digest()
    const code = await shortCode(ends)
    expect(code).toMatch(/^\d{6}$/)
    expect(Number(code)).toBe(hash.readUIntBE(0, 6) % 1_000_000)
    expect(await shortCode({ ...ends, clientNonce: 'c'.repeat(43) })).not.toBe(code)
    expect(await commitmentTo(companionNonce, { companionId, clientId })).toBe(
      createHash('sha256')
        .update(`silo-pair-1 commit|${companionId}|${clientId}|${companionNonce}`)
        .digest('base64url'),
    )
  })

  it('compare texts of any length', () => {
    const nonce = randomNonce()
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(randomNonce()).not.toBe(nonce)
    expect(sameText(nonce, nonce)).toBe(true)
    expect(sameText(nonce, nonce.slice(1))).toBe(false)
    expect(sameText(nonce, '')).toBe(false)
    expect(sameText('', nonce)).toBe(false)
  })
})
