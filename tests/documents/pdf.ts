export interface PdfImage {
  readonly width: number
  readonly height: number
  readonly jpeg: Uint8Array
}

const stream = (head: string, data: Uint8Array): (string | Uint8Array)[] => [
  `<< ${head} /Length ${data.length} >>\nstream\n`,
  data,
  '\nendstream',
]

/** A PDF as scanners make it: a picture a page and no text. `text`: what the first page says in letters. */
export function imagePdf(images: readonly PdfImage[], text?: string): Uint8Array {
  const parts: Buffer[] = [Buffer.from('%PDF-1.4\n')]
  const offsets: number[] = []
  let length = parts[0]!.length
  const object = (...content: (string | Uint8Array)[]): void => {
    offsets.push(length)
    const body = [`${offsets.length} 0 obj\n`, ...content, '\nendobj\n']
    for (const part of body) {
      const bytes = Buffer.from(part)
      parts.push(bytes)
      length += bytes.length
    }
  }
  const first = 4
  object('<< /Type /Catalog /Pages 2 0 R >>')
  object(`<< /Type /Pages /Count ${images.length} /Kids [${images.map((_, index) => `${first + index * 3} 0 R`).join(' ')}] >>`) // prettier-ignore
  object('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>')
  for (const [index, { width, height, jpeg }] of images.entries()) {
    const page = first + index * 3
    const letters = index === 0 && text ? `BT /F1 18 Tf 72 72 Td (${text}) Tj ET` : ''
    object(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 ${Math.round((595 * height) / width)}] /Contents ${page + 1} 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /Im ${page + 2} 0 R >> >> >>`) // prettier-ignore
    object(...stream('', Buffer.from(`q 595 0 0 ${Math.round((595 * height) / width)} 0 0 cm /Im Do Q ${letters}`))) // prettier-ignore
    object(...stream(`/Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode`, jpeg)) // prettier-ignore
  }
  const info = offsets.length + 1
  object("<< /Author (Scanner of the office) /CreationDate (D:20260318101500+08'00') >>")
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  parts.push(
    Buffer.from(
      `xref\n0 ${offsets.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${offsets.length + 1} /Root 1 0 R /Info ${info} 0 R >>\nstartxref\n${length}\n%%EOF\n`, // prettier-ignore
    ),
  )
  return new Uint8Array(Buffer.concat(parts))
}
