import { basename, resolve } from 'node:path'
import { newId } from '#shared/domain/ids.ts'
import type { Collection } from '#shared/domain/vault.ts'
import { errorText, type WireError } from '#shared/errors/silo-error.ts'
import { collectionListSchema, collectionResponseSchema } from '#shared/protocol/api.ts'
import { CompanionClient } from './client.ts'
import { required, textOption, type Invocation } from './command.ts'
import { countsText } from './texts.ts'
import { watchRun } from './watch.ts'

/** `silo ingest`: fills a collection, which is made where it does not exist. */
export async function ingest(invocation: Invocation): Promise<void> {
  const { terminal, config } = invocation
  required(invocation, 0, 'path')
  const paths = invocation.positionals.map((path) => resolve(path))
  const client = CompanionClient.find(config)
  const name = textOption(invocation, 'collection') ?? (basename(paths[0]!) || paths[0]!)
  const collection = await collectionOf(client, name.slice(0, 200))
  const runId = newId()
  await client.startRun({ kind: 'ingest', id: runId, collectionId: collection.id, paths })
  const problems: { item: string; error: WireError }[] = []
  const end = await watchRun(client, terminal, runId, (body) => {
    if (body.type === 'item-failed') problems.push(body)
  })
  if (terminal.json) return
  terminal.line(
    [
      terminal.text('into', { name: collection.name }),
      ...(end.counts ? [countsText(terminal.language, end.counts)] : []),
    ].join(terminal.language === 'zh' ? '：' : ': '),
  )
  if (problems.length === 0) return
  terminal.note(terminal.text('problems', { count: problems.length }))
  for (const { item, error } of problems) {
    terminal.note(`  ${item}: ${errorText(error, terminal.language)}`)
  }
}

async function collectionOf(client: CompanionClient, name: string): Promise<Collection> {
  const { collections } = await client.request(collectionListSchema, '/api/collections')
  const known =
    collections.find((collection) => collection.name === name) ??
    collections.find((collection) => collection.id === name)
  if (known) return known
  const made = await client.request(collectionResponseSchema, '/api/collections', {
    method: 'POST',
    body: { id: newId(), name },
  })
  return made.collection
}
