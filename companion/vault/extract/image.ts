import { SiloError } from '#shared/errors/silo-error.ts'
import { TextBuilder, type Extracted } from './extracted.ts'
import { addRecognized, type Recognize } from './recognize.ts'

/** More pixels than a camera takes are a trap rather than a page. */
const maxPixels = 60_000_000
/** Small pictures are read enlarged: screenshots have letters of ten pixels. */
const smallSide = 1000

/**
 * The text in a picture (PNG, JPEG, WebP, BMP), where there is one who reads it.
 * @throws SiloError file_damaged, file_too_large, file_no_text, ocr_failed
 */
export async function extractImage(
  bytes: Uint8Array,
  fileName: string,
  recognize: Recognize | undefined,
): Promise<Extracted> {
  const size = sizeOf(bytes)
  if (!size || size.width < 1 || size.height < 1) throw new SiloError('file_damaged')
  const pixels = size.width * size.height
  if (pixels > maxPixels)
    throw new SiloError('file_too_large', {
      params: { size: `${Math.round(pixels / 1e6)} MP`, limit: `${maxPixels / 1e6} MP` },
    })
  const isIcon = Math.min(size.width, size.height) < 24 || pixels < 10_000
  if (!recognize || isIcon) throw new SiloError('file_no_text')
  const { loadImage } = await import('@napi-rs/canvas')
  const { blankCanvas, pictureOf } = await import('./canvas.ts')
  const image = await loadImage(bytes).catch((cause: unknown) => {
    throw new SiloError('file_damaged', { cause })
  })
  const enlarged = Math.max(size.width, size.height) < smallSide ? 2 : 1
  const { canvas, context } = blankCanvas(image.width * enlarged, image.height * enlarged)
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  const picture = pictureOf(canvas)
  if (!picture) throw new SiloError('file_no_text')
  const { lines } = await recognize(picture, { page: 1, pages: 1 })
  const builder = new TextBuilder()
  addRecognized(builder, lines)
  return builder.build('image', fileName.replace(/\.[^.]+$/, ''))
}

/** Width and height as the head of the file says them, before anything is unpacked. */
export function sizeOf(bytes: Uint8Array): { width: number; height: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ascii = (at: number, length: number): string =>
    String.fromCharCode(...bytes.subarray(at, at + length))
  if (bytes.length < 30) return undefined
  if (ascii(1, 3) === 'PNG' && ascii(12, 4) === 'IHDR')
    return { width: view.getUint32(16), height: view.getUint32(20) }
  if (ascii(0, 2) === 'BM')
    return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) }
  if (ascii(0, 4) === 'RIFF' && ascii(8, 4) === 'WEBP') return webpSize(view, ascii(12, 4))
  return bytes[0] === 0xff && bytes[1] === 0xd8 ? jpegSize(view) : undefined
}

function webpSize(view: DataView, form: string): { width: number; height: number } | undefined {
  if (form === 'VP8X') {
    const three = (at: number): number => view.getUint16(at, true) + (view.getUint8(at + 2) << 16)
    return { width: three(24) + 1, height: three(27) + 1 }
  }
  if (form === 'VP8L') {
    const bits = view.getUint32(21, true)
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
  }
  if (form !== 'VP8 ') return undefined
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
}

/** The frame header lies behind segments of other kinds. */
function jpegSize(view: DataView): { width: number; height: number } | undefined {
  for (let at = 2; at + 9 < view.byteLength;) {
    if (view.getUint8(at) !== 0xff) return undefined
    const marker = view.getUint8(at + 1)
    if (marker === 0xff) {
      at += 1
      continue
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) }
    at += 2 + view.getUint16(at + 2)
  }
  return undefined
}
