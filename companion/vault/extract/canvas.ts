import * as canvasModule from '@napi-rs/canvas'
import type { Canvas, SKRSContext2D } from '@napi-rs/canvas'
import { maxPicturePixels, type Picture } from '#shared/contracts/text-recognizer.ts'

/** Share of dark pixels below which a page is taken for empty. */
const leastInk = 0.0002

/** A white canvas of so many pixels, not more than recognisers take. */
export function blankCanvas(
  width: number,
  height: number,
): { canvas: Canvas; context: SKRSContext2D; scale: number } {
  const scale = Math.min(1, Math.sqrt(maxPicturePixels / 2 / (width * height)))
  const canvas = canvasModule.createCanvas(side(width * scale), side(height * scale))
  const context = canvas.getContext('2d')
  context.fillStyle = 'white'
  context.fillRect(0, 0, canvas.width, canvas.height)
  return { canvas, context, scale }
}

function side(length: number): number {
  return Math.max(1, Math.round(length))
}

/** What is on a canvas in shades of grey; nothing where there is nothing. */
export function pictureOf(canvas: Canvas): Picture | undefined {
  const { width, height } = canvas
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height)
  const gray = new Uint8Array(width * height)
  for (let at = 0; at < gray.length; at++)
    gray[at] = (299 * data[at * 4]! + 587 * data[at * 4 + 1]! + 114 * data[at * 4 + 2]!) / 1000
  return hasInk(gray) ? { width, height, gray } : undefined
}

/** Something that stands out from what most of the page looks like, be it dark or light. */
function hasInk(gray: Uint8Array): boolean {
  const counts = new Uint32Array(256)
  for (const value of gray) counts[value]! += 1
  const paper = counts.indexOf(Math.max(...counts))
  let ink = 0
  for (let value = 0; value < 256; value++) if (Math.abs(value - paper) > 60) ink += counts[value]!
  return ink > gray.length * leastInk
}

/** The reader of PDFs draws with what a browser has. */
export function providePageDrawing(): void {
  const { Path2D, DOMMatrix, ImageData } = canvasModule
  Object.assign(globalThis, { Path2D, DOMMatrix, ImageData })
}

/** Canvases for what the reader of PDFs draws aside, of a size it cannot abuse. */
export class PageCanvasFactory {
  create(width: number, height: number): { canvas: Canvas; context: SKRSContext2D } {
    if (!(width * height <= 4 * maxPicturePixels)) throw new RangeError('the drawing is too large')
    const canvas = canvasModule.createCanvas(side(width), side(height))
    return { canvas, context: canvas.getContext('2d') }
  }

  reset(pair: { canvas: Canvas }, width: number, height: number): void {
    if (!(width * height <= 4 * maxPicturePixels)) throw new RangeError('the drawing is too large')
    pair.canvas.width = side(width)
    pair.canvas.height = side(height)
  }

  destroy(pair: { canvas: Canvas }): void {
    pair.canvas.width = 0
    pair.canvas.height = 0
  }
}
