import { createCanvas, loadImage } from '@napi-rs/canvas'
import { imagePdf } from '#tests/documents/pdf.ts'
import { seeded } from './facts.ts'

/** A printed page as an office scanner gives it: a little turned, blurred, speckled, darker at one side, as JPEG. */
export async function scanned(png: Uint8Array, seed: number): Promise<Uint8Array> {
  const random = seeded(seed)
  const image = await loadImage(png)
  const { width, height } = image
  const canvas = createCanvas(width, height)
  const context = canvas.getContext('2d')
  context.fillStyle = '#f6f4ee'
  context.fillRect(0, 0, width, height)
  context.save()
  context.translate(width / 2, height / 2)
  context.rotate(((random() - 0.5) * 2.4 * Math.PI) / 180)
  // A scan of 150 dpi, enlarged again by the reader.
  context.filter = `blur(${(0.3 + random() * 0.5).toFixed(2)}px)`
  context.drawImage(image, -width / 2, -height / 2)
  context.restore()
  const shade = context.createLinearGradient(0, 0, width, 0)
  shade.addColorStop(0, `rgba(0,0,0,${(random() * 0.14).toFixed(3)})`)
  shade.addColorStop(1, 'rgba(0,0,0,0)')
  context.fillStyle = shade
  context.fillRect(0, 0, width, height)
  const pixels = context.getImageData(0, 0, width, height)
  for (let at = 0; at < pixels.data.length; at += 4) {
    const grain = (random() - 0.5) * 26
    const speck = random() < 0.0006 ? -150 : 0
    for (let part = 0; part < 3; part++) pixels.data[at + part] = clamp(pixels.data[at + part]! + grain + speck) // prettier-ignore
  }
  context.putImageData(pixels, 0, 0)
  const jpeg = await canvas.encode('jpeg', 55 + Math.floor(random() * 25))
  return imagePdf([{ width, height, jpeg }])
}

const clamp = (value: number): number => Math.max(0, Math.min(255, Math.round(value)))
