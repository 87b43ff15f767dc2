import * as v from 'valibot'
import { askJson, type ServerAddress } from '../server/http.ts'

export interface FoundServer {
  /** Without a slash at its end. */
  readonly url: string
  /** What it is called: `Ollama`, `LM Studio`, …, or its host and port. */
  readonly name: string
  readonly models: readonly { readonly name: string; readonly task: 'chat' | 'embed'; readonly contextTokens?: number }[] // prettier-ignore
}

/** Where servers listen unless they are told otherwise. */
export const usualServers: readonly ServerAddress[] = [
  { url: 'http://127.0.0.1:11434' },
  { url: 'http://127.0.0.1:1234' },
  { url: 'http://127.0.0.1:8080' },
  { url: 'http://127.0.0.1:8000' },
  { url: 'http://127.0.0.1:1337' },
]

const answerLimit = 1500
const modelsShown = 200
const listSchema = v.object({
  data: v.array(
    v.looseObject({
      id: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
      owned_by: v.nullish(v.string()),
      max_model_len: v.nullish(v.number()),
    }),
  ),
})
const ollamaSchema = v.object({ version: v.string() })

/**
 * Which of the addresses have a server with models, asked all at once. Nothing but lists is asked for. Never throws
 * but for the abort.
 */
export async function findServers(
  addresses: readonly ServerAddress[],
  signal: AbortSignal,
): Promise<FoundServer[]> {
  const found = await Promise.all(addresses.map((address) => look(address, signal)))
  signal.throwIfAborted()
  return found.flatMap((server) => server ?? [])
}

async function look(address: ServerAddress, signal: AbortSignal): Promise<FoundServer | undefined> {
  const ask = (path: string) => askJson({ address, path, signal: AbortSignal.any([signal, AbortSignal.timeout(answerLimit)]), silenceMs: answerLimit }) // prettier-ignore
  try {
    const { data } = v.parse(listSchema, await ask('/v1/models'))
    // Another companion's models are reached through it, with its permissions.
    if (data.length === 0 || data.some(({ owned_by: owner }) => owner === 'silo')) return undefined
    const isOllama = await ask('/api/version').then((answer) => v.is(ollamaSchema, answer), () => false) // prettier-ignore
    return {
      url: address.url,
      name: isOllama ? 'Ollama' : nameOf(address.url, data[0]?.owned_by ?? ''),
      models: data.slice(0, modelsShown).map(({ id, max_model_len: contextTokens }) => ({
        name: id,
        task: /embed|bge-|e5-|gte-/i.test(id) ? 'embed' : 'chat',
        ...(typeof contextTokens === 'number' ? { contextTokens } : {}),
      })),
    }
  } catch {
    return undefined
  }
}

function nameOf(url: string, owner: string): string {
  if (owner === 'vllm') return 'vLLM'
  if (owner === 'llamacpp') return 'llama-server'
  if (owner === 'organization_owner' || new URL(url).port === '1234') return 'LM Studio'
  return new URL(url).host
}
