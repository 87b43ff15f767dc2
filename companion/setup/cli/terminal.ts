import { formatBytes } from '#shared/domain/byte-size.ts'
import { errorText, toWire, type Language, type SiloError } from '#shared/errors/silo-error.ts'
import type { RunEventBody } from '#shared/protocol/run-event.ts'
import { stageText, text, type TextKey } from './texts.ts'

type Progress = Extract<RunEventBody, { type: 'progress' }>

/** Where a command writes: answers to standard output, what goes on meanwhile to standard error. */
export class Terminal {
  readonly json: boolean
  readonly language: Language
  #shown = ''

  constructor(json: boolean, language: Language) {
    this.json = json
    this.language = language
  }

  text(key: TextKey, params?: Readonly<Record<string, string | number>>): string {
    return text(this.language, key, params)
  }

  /** Standard output, as it is. */
  write(output: string): void {
    this.#clear()
    process.stdout.write(output)
  }

  line(output = ''): void {
    this.write(`${output}\n`)
  }

  /** One JSON document on one line of standard output. */
  document(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value)}\n`)
  }

  /** A line on standard error; silent with --json. */
  note(output: string): void {
    if (this.json) return
    this.#clear()
    process.stderr.write(`${output}\n`)
  }

  /** A line that the next one replaces. Where standard error is a file, only a new stage is written. */
  progress(progress: Progress): void {
    if (this.json) return
    const stage = stageText(this.language, progress.stage)
    if (!process.stderr.isTTY) {
      if (stage !== this.#shown) process.stderr.write(`${stage} …\n`)
      this.#shown = stage
      return
    }
    const line = progressLine(stage, progress).slice(0, (process.stderr.columns ?? 80) - 1)
    process.stderr.write(`\r\u001b[2K${line}`)
    this.#shown = line
  }

  /** The registered text in the user's language, or `{error}` with --json. */
  fail(error: SiloError): void {
    if (this.json) this.document({ error: toWire(error) })
    else this.note(this.text('error', { text: errorText(error, this.language) }))
  }

  #clear(): void {
    if (this.#shown !== '' && process.stderr.isTTY) {
      process.stderr.write('\r\u001b[2K')
      this.#shown = ''
    }
  }
}

/** Chinese where the environment's language is Chinese, in the order POSIX gives the variables. */
export function languageOf(env: NodeJS.ProcessEnv): Language {
  const locale = env['LC_ALL'] || env['LC_MESSAGES'] || env['LANG'] || ''
  return /^zh\b|^zh_/i.test(locale) ? 'zh' : 'en'
}

function progressLine(stage: string, { done, total, unit, detail, rate }: Progress): string {
  const amount = (value: number): string => (unit === 'bytes' ? formatBytes(value) : String(value))
  const share = total ? ` ${Math.floor((100 * done) / total)}%` : ''
  const of = total === undefined ? amount(done) : `${amount(done)} / ${amount(total)}`
  const speed = rate && unit === 'bytes' ? ` · ${formatBytes(rate)}/s` : ''
  return `${stage}${share} · ${of}${speed}${detail ? ` · ${detail}` : ''}`
}
