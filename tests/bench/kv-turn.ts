import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { newId } from '#shared/domain/ids.ts'
import { testModel } from '#tests/models.ts'

const modelId = 'qwen2.5-coder-0.5b'
const goal = 20
/** Tokens of the first turn, about. */
const turnTokens = 4000
const waitMs = 300_000

export interface KvTurnBench {
  readonly bench: 'kv-turn'
  /** Time to the first token of turn 2 without pages against with them; the median of the rounds. */
  readonly ratio: number
  readonly goal: number
  readonly ok: boolean
  readonly coldMs: number
  readonly warmMs: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly rounds: number
}

interface Turn {
  readonly messageId: string
  /** From the request to the first text, ms. */
  readonly firstMs: number
  readonly promptTokens: number
  readonly cachedTokens: number
}

/**
 * A conversation whose first turn has 4,000 tokens, and whose second comes after a restart of the companion: with
 * pages, and with none. `--quick` takes the first turn, which is computed whole too, for the cold one.
 */
export async function run({ quick }: { quick: boolean }): Promise<KvTurnBench> {
  const rounds: { cold: Turn; warm: Turn }[] = []
  for (let round = 0; round < (quick ? 1 : 3); round++) rounds.push(await oneRound(round, quick))
  const ratios = rounds.map(({ cold, warm }) => cold.firstMs / warm.firstMs)
  const middle = rounds[ratios.indexOf(median(ratios))]!
  const ratio = Math.round(median(ratios) * 10) / 10
  return {
    bench: 'kv-turn',
    ratio,
    goal,
    ok: ratio >= goal,
    coldMs: Math.round(middle.cold.firstMs),
    warmMs: Math.round(middle.warm.firstMs),
    promptTokens: middle.warm.promptTokens,
    cachedTokens: middle.warm.cachedTokens,
    rounds: rounds.length,
  }
}

async function oneRound(round: number, quick: boolean): Promise<{ cold: Turn; warm: Turn }> {
  const home = mkdtempSync(join(tmpdir(), 'silo-bench-'))
  mkdirSync(join(home, 'models'))
  symlinkSync(testModel(modelId), join(home, 'models', `${modelId}.gguf`))
  try {
    const conversation = newId()
    const first = await withCompanion(home, async (companion) => {
      await api(companion, 'PATCH', '/settings', { temperature: 0, contextTokens: 8192 })
      await api(companion, 'POST', '/conversations', { id: conversation })
      return ask(companion, conversation, null, longText(round))
    })
    const second = (companion: Companion) =>
      ask(companion, conversation, first.messageId, 'And what is the second line about?')
    const warm = await withCompanion(home, second)
    if (quick) return { cold: first, warm }
    rmSync(join(home, 'kv-pages'), { recursive: true })
    return { cold: await withCompanion(home, second), warm }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** A companion whose model is loaded: what is measured is the turn. */
async function withCompanion<T>(
  home: string,
  act: (companion: Companion) => Promise<T>,
): Promise<T> {
  const companion = await startCompanion(loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_OFFLINE: '1', SILO_LOG: 'error', SILO_LAN: '0' })) // prettier-ignore
  try {
    const loaded = async () => (await api(companion, 'GET', '/status')).engine?.state === 'ready'
    for (let waited = 0; !(await loaded()); waited += 100) {
      if (waited > waitMs) throw new Error('the model was not loaded')
      await sleep(100)
    }
    return await act(companion)
  } finally {
    await companion.close()
  }
}

async function ask(
  companion: Companion,
  conversationId: string,
  parentId: string | null,
  text: string,
): Promise<Turn> {
  const [id, userId, messageId] = [newId(), newId(), newId()]
  const started = performance.now()
  await api(companion, 'POST', '/runs', { kind: 'chat', id, conversationId, userMessage: { id: userId, parentId, text }, parentId: userId, assistantMessageId: messageId }) // prettier-ignore
  let firstMs = 0
  while (performance.now() - started < waitMs) {
    const { events } = await api(companion, 'GET', `/runs/${id}/events`)
    const bodies: Loose[] = events.map(({ body }: Loose) => body)
    if (firstMs === 0 && bodies.some(({ type }) => type === 'text-delta'))
      firstMs = performance.now() - started
    const end = bodies.find(({ type }) => type === 'run-ended')
    const usage = bodies.find(({ type }) => type === 'usage')?.usage
    if (end && end.outcome !== 'done') throw new Error(JSON.stringify(end))
    if (end && usage) return { messageId, firstMs, ...usage }
    await sleep(10)
  }
  throw new Error('no answer')
}

// oxlint-disable-next-line typescript/no-explicit-any -- what the API answers, in a measurement
type Loose = any

async function api(
  companion: Companion,
  method: string,
  path: string,
  body?: unknown,
): Promise<Loose> {
  const response = await fetch(`${companion.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${companion.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
  return response.status === 204 ? undefined : response.json()
}

function longText(round: number): string {
  const lines = Array.from({ length: Math.round(turnTokens / 18) }, (_, n) => `Line ${n + 1}: barrel ${round * 1000 + n * 3} in cellar ${n % 17} holds wheat.`) // prettier-ignore
  return `${lines.join('\n')}\n\nWhat is in the barrels? One word.`
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
