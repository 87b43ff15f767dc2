import mammoth from 'mammoth'
import { SiloError } from '#shared/errors/silo-error.ts'
import { officeAbout } from './about.ts'
import { cleanZip } from './clean-zip.ts'
import { titleOf, type Extracted } from './extracted.ts'
import { extractHtml } from './html.ts'

/** @throws SiloError file_damaged, file_encrypted, file_too_large */
export async function extractDocx(bytes: Uint8Array, fileName: string): Promise<Extracted> {
  const { zip, buffer } = cleanZip(bytes)
  const html = await mammoth
    .convertToHtml(
      { buffer },
      {
        convertImage: mammoth.images.imgElement(async () => ({ src: '' })),
        styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"],
      },
    )
    .catch((cause: unknown) => {
      throw new SiloError('file_damaged', { cause })
    })
  const extracted = extractHtml(html.value, fileName)
  const { title, ...about } = officeAbout(zip)
  const first = titleOf(extracted.segments, '') || title || titleOf([], fileName)
  return { ...extracted, ...about, kind: 'document', title: first }
}
