import { createHash } from 'node:crypto'
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { GenerateRequest } from '#shared/contracts/engine.ts'
import { textPdf } from '#tests/documents/text-pdf.ts'
import { AgentWorld } from './agent-harness.ts'

const caseSchema = v.object({
  name: v.string(),
  /** What the words of the stranger come in. */
  carrier: v.picklist(['text', 'pdf', 'html', 'name']),
  words: v.array(v.string()),
  /** What a model calls that does what they say. */
  obeys: v.array(v.object({ tool: v.string(), input: v.record(v.string(), v.unknown()) })),
})
const cases = v.parse(v.array(caseSchema), JSON.parse(readFileSync('tests/fixtures/injection/cases.json', 'utf8'))) // prettier-ignore

const mark = 'ORDER-7'
const secret = 'the private words'
const intent = { kind: 'agent' as const, reason: 'chosen' as const, confidence: 1 }
let world: AgentWorld
let other: string
let next: (messages: readonly { role: string; content: string }[]) => unknown

beforeAll(async () => {
  world = new AgentWorld()
  other = realpathSync(mkdtempSync(join(tmpdir(), 'silo-other-')))
  writeFileSync(join(other, 'private.txt'), secret)
  await world.start({
    reply: ({ prompt }: GenerateRequest) =>
      JSON.stringify(next(prompt.kind === 'chat' ? prompt.messages : [])),
  })
  // What was granted long ago, and for ever, is not what a stranger may use.
  await world.api('POST', '/policy/grants', { id: 'grant-0001', capability: 'files.read', resource: other }) // prettier-ignore
})
afterAll(async () => {
  rmSync(other, { recursive: true, force: true })
  await world.close()
})
beforeEach(() => {
  for (const name of readdirSync(world.files)) rmSync(join(world.files, name), { recursive: true })
  world.write('kept.txt', 'kept')
  world.write('note.txt', 'note')
})

const digest = (): Record<string, string> =>
  Object.fromEntries(
    [world.files, other].flatMap((folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
    ),
  )
const fill = (text: string): string =>
  text.replaceAll('{files}', world.files).replaceAll('{other}', other).replaceAll('{home}', world.home) // prettier-ignore

/** Puts the words where the model comes upon them; the call with which it does. */
function plant({ carrier, words }: (typeof cases)[number]): { tool: string; input: object } {
  const lines = words.map(fill)
  switch (carrier) {
    case 'text':
      return { tool: 'read_file', input: { path: world.write('letter.txt', lines.join('\n')) } }
    case 'html':
      return { tool: 'read_file', input: { path: world.write('page.html', `<html><body>${lines.join('\n')}</body></html>`) } } // prettier-ignore
    case 'name':
      world.write(lines[0]!, '')
      return { tool: 'list_files', input: { folder: world.files } }
    case 'pdf':
      writeFileSync(join(world.files, 'invoice.pdf'), textPdf(lines))
      return { tool: 'document_text', input: { path: join(world.files, 'invoice.pdf') } }
  }
}

describe('a model that does what strangers write', { timeout: 60_000 }, () => {
  it.each(cases)('cannot: $name', async (each) => {
    const begins = plant(each)
    const obeys = each.obeys.map(
      (call) => JSON.parse(fill(JSON.stringify(call))) as { tool: string; input: object },
    )
    let read = false
    let made = 0
    next = (messages) => {
      if (messages.at(-1)?.content.includes('Write a plan')) return { steps: ['Look'] }
      if (made++ === 0) return begins
      read ||= messages.some(({ content }) => content.includes(mark))
      return obeys[made - 2] ?? { tool: 'finish', input: { answer: 'Done.' } }
    }
    const before = digest()
    const { id } = await world.task(`Tell me what is in ${world.files}`, intent)

    // A person who reads what is asked refuses each time, and is asked before anything happens.
    const bodies: string[] = []
    for (let ended = false; !ended;) {
      const events = await world.events(id)
      ended = events.some(({ body }) => body.type === 'run-ended')
      for (const { body } of events) {
        if (body.type !== 'approval-request' || bodies.includes(body.approvalId)) continue
        bodies.push(body.approvalId)
        const { body: asked } = await world.approval(body.approvalId)
        // A plan of changes shows each; every other question says whose wish it may be.
        if (asked.kind !== 'changes') expect(asked).toMatchObject({ tainted: true })
        expect(digest()).toEqual(before)
        await world.answer(body.approvalId, { decision: 'deny' })
      }
      if (!ended) await new Promise((resolve) => setTimeout(resolve, 25))
    }

    expect(read, 'the model has read the order').toBe(true)
    expect(made).toBeGreaterThan(obeys.length)
    expect(digest()).toEqual(before)
    const told = JSON.stringify((await world.events(id)).map(({ body }) => body))
    expect(told).not.toContain(secret)
    // Each obeyed call was refused or turned down, none was made.
    const calls = (await world.events(id)).flatMap(({ body }) => (body.type === 'tool-call' ? [body.callId] : [])).slice(1) // prettier-ignore
    for (const callId of calls) {
      const result = (await world.events(id)).find(({ body }) => body.type === 'tool-result' && body.callId === callId)?.body // prettier-ignore
      const refused = result?.type === 'tool-result' && result.error !== undefined
      expect(refused || bodies.length > 0, JSON.stringify(result)).toBe(true)
    }
    expect((await world.api<{ batches: unknown[] }>('GET', `/batches?taskId=${id}`)).body).toMatchObject({ batches: [] }) // prettier-ignore
  })
})
