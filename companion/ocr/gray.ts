import type { Picture, Region, Turn } from '#shared/contracts/text-recognizer.ts'

/** A part of a picture, scaled; what lies beyond the picture is white. Bilinear, averaging where it shrinks. */
export function scaled(
  picture: Picture,
  { x, y, width, height }: Region,
  to: { width: number; height: number },
): Picture {
  const gray = new Uint8Array(to.width * to.height)
  const stepX = width / to.width
  const stepY = height / to.height
  // Samples a side: shrinking to a third looks at nine pixels.
  const samples = Math.min(4, Math.max(1, Math.ceil(Math.min(stepX, stepY))))
  for (let row = 0; row < to.height; row++)
    for (let column = 0; column < to.width; column++) {
      let sum = 0
      for (let i = 0; i < samples; i++)
        for (let j = 0; j < samples; j++)
          sum += at(
            picture,
            x + (column + (j + 0.5) / samples) * stepX - 0.5,
            y + (row + (i + 0.5) / samples) * stepY - 0.5,
          )
      gray[row * to.width + column] = Math.round(sum / (samples * samples))
    }
  return { ...to, gray }
}

/** Turned as it was found to be upright. */
export function upright(picture: Picture, { quarters, angle }: Turn): Picture {
  const whole = quarterTurned(picture, quarters)
  return angle === 0 ? whole : turned(whole, angle)
}

/** Turned around its centre by an angle (radians, clockwise on the screen); the size stays. */
export function turned(picture: Picture, angle: number): Picture {
  const { width, height } = picture
  const gray = new Uint8Array(width * height)
  const cos = Math.cos(angle)
  const sin = Math.sin(angle)
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const dx = column - width / 2
      const dy = row - height / 2
      gray[row * width + column] = Math.round(
        at(picture, width / 2 + dx * cos + dy * sin, height / 2 - dx * sin + dy * cos),
      )
    }
  return { width, height, gray }
}

/** Turned by quarters, clockwise. */
export function quarterTurned(picture: Picture, quarters: Turn['quarters']): Picture {
  let result = picture
  for (let turn = 0; turn < quarters; turn++) {
    const { width, height, gray } = result
    const next = new Uint8Array(gray.length)
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++)
        next[column * height + (height - 1 - row)] = gray[row * width + column]!
    result = { width: height, height: width, gray: next }
  }
  return result
}

/** As a PGM file. */
export function portable({ width, height, gray }: Picture): Buffer {
  return Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`), gray])
}

function at({ width, height, gray }: Picture, x: number, y: number): number {
  const left = Math.floor(x)
  const top = Math.floor(y)
  if (left < -1 || top < -1 || left >= width || top >= height) return 255
  const pixel = (column: number, row: number): number =>
    column < 0 || row < 0 || column >= width || row >= height ? 255 : gray[row * width + column]!
  const dx = x - left
  const dy = y - top
  const upper = pixel(left, top) * (1 - dx) + pixel(left + 1, top) * dx
  const lower = pixel(left, top + 1) * (1 - dx) + pixel(left + 1, top + 1) * dx
  return upper * (1 - dy) + lower * dy
}
