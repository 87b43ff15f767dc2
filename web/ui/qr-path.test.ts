import { decodeQR } from 'qr/decode.js'
import { describe, expect, it } from 'vitest'
import { encodeInvitation } from '#shared/protocol/pairing.ts'
import { qrPath, quietZone } from './qr-path.ts'

const link = encodeInvitation('https://192.168.1.5:7451', {
  companionId: `12D3KooW${'a'.repeat(44)}`,
  name: '台式机',
  secret: 'A'.repeat(22),
  addresses: [
    '/ip4/192.168.1.5/udp/7452/webrtc-direct/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g',
    '/ip4/192.168.1.5/tcp/7452/ws',
  ],
  expiresAt: 1_790_000_000_000,
})

/** Draws the path as a browser would and reads the picture as a camera would. */
function scan({ size, path }: { size: number; path: string }, scale = 4): string {
  const width = size * scale
  const data = new Uint8Array(width * width * 4).fill(255)
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
    for (let row = Number(y) * scale; row < (Number(y) + 1) * scale; row++)
      for (let at = Number(x) * scale; at < (Number(x) + Number(length)) * scale; at++)
        data.fill(0, (row * width + at) * 4, (row * width + at) * 4 + 3)
  return decodeQR({ width, height: width, data })
}

describe('qrPath', () => {
  it('draws a code that a scanner reads as the same link', async () => {
    expect(scan(await qrPath(link))).toBe(link)
  })

  it('leaves the quiet zone free', async () => {
    const { size, path } = await qrPath(link)
    for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)/g)) {
      expect(Number(x)).toBeGreaterThanOrEqual(quietZone)
      expect(Number(y)).toBeGreaterThanOrEqual(quietZone)
      expect(Number(y)).toBeLessThan(size - quietZone)
      expect(Number(x) + Number(length)).toBeLessThanOrEqual(size - quietZone)
    }
  })
})
