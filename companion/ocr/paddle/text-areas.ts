import type { Region } from '#shared/contracts/text-recognizer.ts'

/** Probability map of the detection network: how likely each pixel is in the core of a line of text. */
export interface TextMap {
  readonly width: number
  readonly height: number
  readonly values: Float32Array
}

export interface TextAreas {
  /** In pixels of the map. */
  readonly regions: readonly Region[]
  /** Radians by which lines fall to the right; 0 where there are too few to tell. */
  readonly slope: number
}

const isText = 0.3
const isLine = 0.5
/** The network marks the core of a line; this much more, by its area over its circumference, is the line. */
const grow = 1.5

interface Area {
  left: number
  right: number
  top: number
  bottom: number
  count: number
  sum: number
  // Sums for the slope of the line through the middle of the area.
  x: number
  y: number
  xx: number
  xy: number
}

/** Areas of connected pixels that hold a line of text. */
export function textAreas(map: TextMap): TextAreas {
  const areas = connected(map).filter(
    (area) => Math.min(area.right - area.left, area.bottom - area.top) >= 2 && area.sum / area.count >= isLine, // prettier-ignore
  )
  const regions = areas.map((area) => {
    const width = area.right - area.left + 1
    const height = area.bottom - area.top + 1
    const more = (width * height * grow) / (2 * (width + height))
    const x = Math.max(0, area.left - more)
    const y = Math.max(0, area.top - more)
    return {
      x,
      y,
      width: Math.min(map.width, area.right + 1 + more) - x,
      height: Math.min(map.height, area.bottom + 1 + more) - y,
    }
  })
  return { regions, slope: slopeOf(areas) }
}

function connected({ width, height, values }: TextMap): Area[] {
  const seen = new Uint8Array(width * height)
  const stack = new Int32Array(width * height)
  const areas: Area[] = []
  for (let start = 0; start < values.length; start++) {
    if (seen[start] || values[start]! < isText) continue
    const area: Area = { left: width, right: 0, top: height, bottom: 0, count: 0, sum: 0, x: 0, y: 0, xx: 0, xy: 0 } // prettier-ignore
    let depth = 0
    stack[depth++] = start
    seen[start] = 1
    while (depth > 0) {
      const at = stack[--depth]!
      const x = at % width
      const y = (at - x) / width
      area.left = Math.min(area.left, x)
      area.right = Math.max(area.right, x)
      area.top = Math.min(area.top, y)
      area.bottom = Math.max(area.bottom, y)
      area.count += 1
      area.sum += values[at]!
      area.x += x
      area.y += y
      area.xx += x * x
      area.xy += x * y
      for (const next of [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width])
        if (next >= 0 && next < values.length && !seen[next] && values[next]! >= isText) {
          seen[next] = 1
          stack[depth++] = next
        }
    }
    areas.push(area)
  }
  return areas
}

/** The middle of the slopes of the wide areas. */
function slopeOf(areas: readonly Area[]): number {
  const slopes = areas
    .filter(
      (area) =>
        area.right - area.left > 5 * (area.bottom - area.top) || area.right - area.left > 200,
    ) // prettier-ignore
    .map(({ count, x, y, xx, xy }) => (count * xy - x * y) / (count * xx - x * x))
    .filter(Number.isFinite)
    .sort((a, b) => a - b)
  return slopes.length < 3 ? 0 : Math.atan(slopes[Math.floor(slopes.length / 2)]!)
}
