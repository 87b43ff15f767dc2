/** A PDF of one page with these lines, in Latin letters. */
export function textPdf(lines: readonly string[]): Uint8Array {
  const shown = lines.map((line, index) => `BT /F1 14 Tf 72 ${760 - index * 22} Td (${line.replace(/[()\\]/g, '\\$&')}) Tj ET`).join('\n') // prettier-ignore
  const bodies = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Count 1 /Kids [4 0 R] >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> >> >>',
    `<< /Length ${Buffer.byteLength(shown)} >>\nstream\n${shown}\nendstream`,
  ]
  let text = '%PDF-1.4\n'
  const table = bodies.map((body, index) => {
    const offset = text.length
    text += `${index + 1} 0 obj\n${body}\nendobj\n`
    return `${String(offset).padStart(10, '0')} 00000 n \n`
  })
  const at = text.length
  text += `xref\n0 ${bodies.length + 1}\n0000000000 65535 f \n${table.join('')}trailer\n<< /Size ${bodies.length + 1} /Root 1 0 R >>\nstartxref\n${at}\n%%EOF\n`
  return new TextEncoder().encode(text)
}
