import { text as readAll } from 'node:stream/consumers'
import type { Citation } from '#shared/domain/conversation.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { collectionListSchema, conversationResponseSchema } from '#shared/protocol/api.ts'
import { CompanionClient } from './client.ts'
import { required, textOption, type Invocation } from './command.ts'
import type { Terminal } from './terminal.ts'
import { watchRun } from './watch.ts'

/** `silo ask`: one question in a conversation of its own, which the app shows as well. */
export async function ask(invocation: Invocation): Promise<void> {
  const { terminal, config } = invocation
  const question = await questionOf(invocation)
  const client = CompanionClient.find(config)
  const names = invocation.values['collection']
  const collectionIds = Array.isArray(names) ? await idsOf(client, names.map(String)) : []
  const modelId = textOption(invocation, 'model')
  const conversationId = newId()
  await client.request(conversationResponseSchema, '/api/conversations', {
    method: 'POST',
    body: { id: conversationId, collectionIds, ...(modelId ? { modelId } : {}) },
  })
  const runId = newId()
  const messageId = newId()
  await client.startRun({
    kind: 'chat',
    id: runId,
    conversationId,
    userMessage: { id: messageId, parentId: null, text: question },
    parentId: messageId,
    assistantMessageId: newId(),
    ...(modelId ? { modelId } : {}),
  })
  const citations = new Map<number, Citation>()
  let written = ''
  const end = await watchRun(client, terminal, runId, (body) => {
    if (body.type === 'citation') citations.set(body.citation.marker, body.citation)
    if (terminal.json) return
    if (body.type === 'text-delta') {
      terminal.write(body.text)
      written = body.text
    } else if (body.type === 'run-ended' && written !== '' && !written.endsWith('\n')) {
      terminal.line()
    } else if (
      body.type === 'context-built' &&
      body.droppedMessageIds.length + body.droppedPassages > 0
    ) {
      terminal.note(
        terminal.text('dropped', {
          messages: body.droppedMessageIds.length,
          passages: body.droppedPassages,
        }),
      )
    }
  })
  if (terminal.json) return
  if (end.stopReason === 'length') terminal.note(terminal.text('cut_off'))
  if (end.stopReason === 'repetition') terminal.note(terminal.text('repeated'))
  listSources(terminal, [...citations.values()])
}

function listSources(terminal: Terminal, citations: readonly Citation[]): void {
  if (citations.length === 0) return
  terminal.line()
  terminal.line(terminal.text('sources'))
  for (const citation of citations.toSorted((a, b) => a.marker - b.marker)) {
    const place = [
      citation.title,
      ...(citation.page === undefined ? [] : [terminal.text('page', { page: citation.page })]),
      ...(citation.headings.length > 0 ? [citation.headings.join(' › ')] : []),
      ...(citation.path ? [citation.path] : []),
    ]
    terminal.line(`  [${citation.marker}] ${place.join(' · ')}`)
  }
}

async function questionOf(invocation: Invocation): Promise<string> {
  if (invocation.positionals.length === 0 && !process.stdin.isTTY) {
    const piped = (await readAll(process.stdin)).trim()
    if (piped !== '') return piped
  }
  required(invocation, 0, 'question')
  return invocation.positionals.join(' ').trim()
}

async function idsOf(client: CompanionClient, names: readonly string[]): Promise<string[]> {
  const { collections } = await client.request(collectionListSchema, '/api/collections')
  return names.map((name) => {
    const found =
      collections.find((collection) => collection.name === name) ??
      collections.find((collection) => collection.id === name)
    if (!found) throw new SiloError('collection_unknown', { field: 'collection' })
    return found.id
  })
}
