/** Light modules around the code, which scanners need to find it. */
export const quietZone = 4

/** A QR code as one SVG path, one unit a module, quiet zone included. */
export async function qrPath(text: string): Promise<{ size: number; path: string }> {
  const { encodeQR } = await import('qr')
  const rows = encodeQR(text, 'raw', { border: quietZone, ecc: 'low' })
  let path = ''
  for (const [y, row] of rows.entries())
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue
      const from = x
      while (row[x + 1]) x++
      path += `M${from} ${y}h${x + 1 - from}v1h-${x + 1 - from}z`
    }
  return { size: rows.length, path }
}
