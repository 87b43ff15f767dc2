import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Picture, RecognizedLine, Region } from '#shared/contracts/text-recognizer.ts'
import { createWorker, OEM, PSM, type Page, type Worker } from 'tesseract.js'
import { portable, scaled, upright } from './gray.ts'
import type { PageEngine } from './page-engine.ts'

/** Its letters are best read at about this height of the whole line, in pixels. */
const lineHeight = 48
const margin = 10
const widestLine = 3200

/** Tesseract for English and simplified Chinese: best at Latin letters, spaces and figures. */
export async function openTesseract(): Promise<PageEngine> {
  // It takes all its languages from one folder; they come in a package each.
  const folder = await mkdtemp(join(tmpdir(), 'silo-tesseract-'))
  try {
    for (const language of languages) {
      const name = `${language}.traineddata.gz`
      await copyFile(join(packageOf(language), '4.0.0_best_int', name), join(folder, name))
    }
    const worker = await createWorker([...languages], OEM.LSTM_ONLY, {
      // Nothing is fetched, and nothing is kept.
      langPath: folder,
      cacheMethod: 'none',
    })
    return async (picture, { regions, turn = { quarters: 0, angle: 0 } }) => {
      const page = upright(picture, turn)
      const lines = regions ? await readLines(worker, page, regions) : await readPage(worker, page)
      return { lines, turn }
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const languages = ['eng', 'chi_sim'] as const

function packageOf(language: string): string {
  const require = createRequire(import.meta.url)
  return dirname(require.resolve(`@tesseract.js-data/${language}/package.json`))
}

async function readLines(
  worker: Worker,
  picture: Picture,
  regions: readonly Region[],
): Promise<RecognizedLine[]> {
  await worker.setParameters({ tessedit_pageseg_mode: PSM.SINGLE_LINE })
  const lines: RecognizedLine[] = []
  for (const region of regions) {
    const wanted = Math.round((region.width / Math.max(1, region.height)) * lineHeight)
    const width = Math.min(widestLine, Math.max(lineHeight / 2, wanted))
    const line = framed(scaled(picture, region, { width, height: lineHeight }))
    const { data } = await worker.recognize(portable(line), {}, { text: true })
    lines.push({ text: spaced(data.text), region, certainty: certain(data.confidence) })
  }
  return lines
}

async function readPage(worker: Worker, picture: Picture): Promise<RecognizedLine[]> {
  await worker.setParameters({ tessedit_pageseg_mode: PSM.AUTO })
  const { data } = await worker.recognize(portable(picture), {}, { blocks: true, text: false })
  return linesOf(data)
}

function linesOf({ blocks }: Page): RecognizedLine[] {
  return (blocks ?? [])
    .flatMap(({ paragraphs }) => paragraphs.flatMap(({ lines }) => lines))
    .map(({ text, bbox: { x0, x1, y0, y1 }, confidence }) => ({
      text: spaced(text),
      region: { x: x0, y: y0, width: x1 - x0, height: y1 - y0 },
      certainty: certain(confidence),
    }))
    .filter(({ text, certainty }) => text && certainty > 0.3)
}

/** It writes spaces between Chinese characters. */
function spaced(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/(?<=[\u2e80-\u9fff\uff00-\uffef]) (?=[\u2e80-\u9fff\uff00-\uffef])/g, '')
    .trim()
}

function certain(percent: number): number {
  return Math.min(1, Math.max(0, percent / 100))
}

/** Letters that touch the edge are misread. */
function framed(line: Picture): Picture {
  const width = line.width + 2 * margin
  const height = line.height + 2 * margin
  const gray = new Uint8Array(width * height).fill(edge(line))
  for (let row = 0; row < line.height; row++)
    gray.set(line.gray.subarray(row * line.width, (row + 1) * line.width), (row + margin) * width + margin) // prettier-ignore
  return { width, height, gray }
}

/** The colour of the paper: the brightness of most pixels along the edge. */
function edge({ gray, width, height }: Picture): number {
  const border = [...gray.subarray(0, width), ...gray.subarray((height - 1) * width)]
  return border.sort((a, b) => a - b)[Math.floor(border.length / 2)] ?? 255
}
