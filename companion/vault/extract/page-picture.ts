import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import { getDocumentProxy } from 'unpdf'
import { SiloError } from '#shared/errors/silo-error.ts'
import { maxPicturePixels } from '#shared/contracts/text-recognizer.ts'
import { blankCanvas, PageCanvasFactory, providePageDrawing } from './canvas.ts'
import { sizeOf } from './image.ts'

/** A larger file is not drawn: its picture is a help, not worth a minute of work. */
const mostBytes = 60 * 1024 * 1024
const mostPixels = 60_000_000

/**
 * The first page of a PDF, or a picture, as a PNG at most `side` pixels wide; undefined for other kinds of files.
 * @throws SiloError file_damaged, file_too_large
 */
export async function drawFirstPage(path: string, side: number): Promise<Uint8Array | undefined> {
  const kind = extname(path).toLowerCase()
  const isPicture = ['.png', '.jpg', '.jpeg', '.webp', '.bmp'].includes(kind)
  if (kind !== '.pdf' && !isPicture) return undefined
  const bytes = await contentOf(path)
  return isPicture ? drawPicture(bytes, side) : drawPdf(bytes, side)
}

async function drawPdf(bytes: Uint8Array, side: number): Promise<Uint8Array> {
  providePageDrawing()
  const options = { CanvasFactory: PageCanvasFactory, canvasMaxAreaInBytes: 4 * maxPicturePixels }
  const document = await getDocumentProxy(bytes, options).catch(damaged)
  try {
    const page = await document.getPage(1).catch(damaged)
    const natural = page.getViewport({ scale: 1 })
    const wanted = side / natural.width
    const { canvas, context, scale } = blankCanvas(side, natural.height * wanted)
    const viewport = page.getViewport({ scale: wanted * scale })
    await page.render({ canvas, canvasContext: context, viewport } as never).promise.catch(damaged)
    return await canvas.encode('png')
  } finally {
    await document.destroy()
  }
}

async function drawPicture(bytes: Uint8Array, side: number): Promise<Uint8Array> {
  const size = sizeOf(bytes)
  if (!size || size.width * size.height > mostPixels) throw new SiloError('file_damaged')
  const { loadImage } = await import('@napi-rs/canvas')
  const image = await loadImage(bytes).catch(damaged)
  const wanted = Math.min(1, side / image.width)
  const { canvas, context } = blankCanvas(image.width * wanted, image.height * wanted)
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas.encode('png')
}

async function contentOf(path: string): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    if (size > mostBytes)
      throw new SiloError('file_too_large', {
        params: {
          size: `${Math.round(size / 1e6)} MB`,
          limit: `${Math.round(mostBytes / 1e6)} MB`,
        },
      })
    return new Uint8Array(await file.readFile())
  } finally {
    await file.close()
  }
}

function damaged(cause: unknown): never {
  throw new SiloError('file_damaged', { cause })
}
