import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCanvas, loadImage } from '@napi-rs/canvas'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Extractor } from '#companion/vault/extractor.ts'
import { imagePdf } from '#tests/documents/pdf.ts'

const folder = mkdtempSync(join(tmpdir(), 'silo-picture-'))
const extractor = new Extractor()
const { signal } = new AbortController()
const put = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}
let red: Uint8Array
beforeAll(async () => {
  const canvas = createCanvas(1000, 1400)
  const context = canvas.getContext('2d')
  context.fillStyle = '#ff0000'
  context.fillRect(0, 0, 1000, 1400)
  red = await canvas.encode('jpeg')
})
afterAll(async () => {
  await extractor[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})
const middle = async (png: Uint8Array) => {
  const image = await loadImage(png)
  const canvas = createCanvas(image.width, image.height)
  canvas.getContext('2d').drawImage(image, 0, 0)
  const at = canvas.getContext('2d').getImageData(image.width >> 1, image.height >> 1, 1, 1).data
  return { width: image.width, height: image.height, isRed: at[0]! > 200 && at[1]! < 60 }
}

describe('the picture of a file’s first page', () => {
  it('is drawn of a PDF, as wide as asked', async () => {
    const path = put('a.pdf', imagePdf([{ width: 1000, height: 1400, jpeg: red }]))
    const png = await extractor.picture(path, 480, signal)
    expect(await middle(png!)).toEqual({ width: 480, height: 672, isRed: true })
  })
  it('is a photo itself, made smaller', async () => {
    const png = await extractor.picture(put('a.jpg', red), 480, signal)
    expect(await middle(png!)).toEqual({ width: 480, height: 672, isRed: true })
  })
  it('is nothing for other kinds of files', async () => {
    expect(await extractor.picture(put('a.txt', 'text'), 480, signal)).toBeUndefined()
  })
  it.each([
    ['empty.pdf', ''],
    ['broken.pdf', '%PDF-1.7 and nothing'],
    ['bomb.png', '\x89PNG\r\n\x1a\n garbage that is no picture at all'],
  ])('is refused for %s, and the next one is drawn', async (name, content) => {
    await expect(extractor.picture(put(name, content), 480, signal)).rejects.toMatchObject({ code: 'file_damaged' }) // prettier-ignore
    expect(await extractor.picture(put('again.jpg', red), 100, signal)).toBeDefined()
  })
})
