import { getLlama, LlamaLogLevel } from 'node-llama-cpp'
import * as v from 'valibot'
import { SiloError, toSiloError, toWire } from '#shared/errors/silo-error.ts'
import { addonOf, type AddonModel } from '../llama-cpp/addon.ts'
import { tokenizePrompt } from '../llama-cpp/chat-tokens.ts'
import { templateOf, type ChatTemplate } from '../llama-cpp/template.ts'
import {
  toVocabularySchema,
  type FromVocabulary,
  type ToVocabulary,
} from './vocabulary-messages.ts'

/** Entry of the process that has a model's vocabulary and template in memory, and nothing else of it. */

let loaded: { readonly native: AddonModel; readonly template: ChatTemplate } | undefined

async function load(message: Extract<ToVocabulary, { op: 'load' }>): Promise<FromVocabulary> {
  const { id, modelId, path, size } = message
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
  })
  const model = await llama
    .loadModel({ modelPath: path, vocabOnly: true })
    .catch((cause: unknown) => {
      throw new SiloError('model_load_failed', { params: { model: modelId }, cause })
    })
  const { native } = addonOf(llama, model)
  const template = templateOf(model, native)
  loaded = { native, template }
  const tokens = Array.from({ length: size }, (_, token) => token)
  const usual = native.tokenEos()
  const ends = tokens.filter((token) => token !== usual && native.isEogToken(token))
  return {
    op: 'loaded',
    id,
    pieces: tokens.map((token) => native.getTokenString(token)),
    ends: usual >= 0 ? [usual, ...ends] : ends,
    callsTools: template.knowsTools,
  }
}

/** The longest beginning of `text` that is at most `most` tokens. */
function fit(native: AddonModel, text: string, most: number): { length: number; tokens: number } {
  const count = (length: number): number => native.tokenize(text.slice(0, length), false).length
  const all = count(text.length)
  if (all <= most) return { length: text.length, tokens: all }
  let [fits, tooLong] = [0, text.length]
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if (count(middle) <= most) fits = middle
    else tooLong = middle
  }
  // Not between the two halves of a character.
  const half = /[\uD800-\uDBFF]$/.test(text.slice(0, fits))
  return { length: half ? fits - 1 : fits, tokens: all }
}

async function answer(message: ToVocabulary): Promise<FromVocabulary> {
  const { id } = message
  if (message.op === 'load') return load(message)
  if (!loaded) throw new SiloError('engine_crashed')
  const { native, template } = loaded
  if (message.op === 'encode')
    return { op: 'encoded', id, tokens: Uint32Array.from(tokenizePrompt(native, template, message.prompt)) } // prettier-ignore
  return { op: 'fitted', id, ...fit(native, message.text, message.most) }
}

function refusal(id: number, error: unknown): FromVocabulary {
  const known = toSiloError(error, 'vocabulary')
  const cause = known.cause ?? error
  const detail = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  return { op: 'error', id, error: toWire(known), detail }
}

process.on('message', (input) => {
  const parsed = v.safeParse(toVocabularySchema, input)
  if (!parsed.success) return
  const message = parsed.output
  answer(message)
    .catch((error: unknown) => refusal(message.id, error))
    .then((reply) => process.connected && process.send?.(reply))
    .catch(() => {})
})
// A terminal's Ctrl+C reaches the whole group: the companion decides when this process ends.
process.on('SIGINT', () => {})
// Native threads may be computing; nothing here is worth an orderly end.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
