import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { deleteDB, openDB } from 'idb'
import { beforeEach, expect, it } from 'vitest'
import { peerIdSchema } from '#shared/domain/device.ts'
import * as v from 'valibot'
import { loadDeviceKey } from './device-key.ts'

beforeEach(() => deleteDB('silo-device'))

it('is the same device at every visit, and one for tabs that start together', async () => {
  const keys = await Promise.all([loadDeviceKey(), loadDeviceKey(), loadDeviceKey()])
  const ids = keys.map((key) => peerIdFromPrivateKey(key).toString())
  expect(new Set(ids).size).toBe(1)
  expect(v.is(peerIdSchema, ids[0])).toBe(true)
  expect(peerIdFromPrivateKey(await loadDeviceKey()).toString()).toBe(ids[0])
})

it('signs what the public key verifies', async () => {
  const key = await loadDeviceKey()
  const message = new TextEncoder().encode('to be signed')
  const signature = await key.sign(message)
  expect(await key.publicKey.verify(message, signature)).toBe(true)
  message[0]! ^= 1
  expect(await key.publicKey.verify(message, signature)).toBe(false)
})

it('gives its secret to nobody, the page included', async () => {
  const key = await loadDeviceKey()
  expect(() => key.raw).toThrow()
  const db = await openDB('silo-device')
  const stored = (await db.get('keys', 'device')) as CryptoKeyPair
  db.close()
  expect(stored.privateKey.extractable).toBe(false)
  for (const format of ['pkcs8', 'jwk'] as const)
    await expect(crypto.subtle.exportKey(format, stored.privateKey)).rejects.toThrow()
})
