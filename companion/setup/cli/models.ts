import { resolve } from 'node:path'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { newId } from '#shared/domain/ids.ts'
import type { ModelState } from '#shared/domain/model.ts'
import { errorText, SiloError } from '#shared/errors/silo-error.ts'
import { modelListSchema, modelResponseSchema } from '#shared/protocol/api.ts'
import { CompanionClient } from './client.ts'
import { required, textOption, type Invocation } from './command.ts'
import type { Terminal } from './terminal.ts'
import { watchRun } from './watch.ts'

/** Reading a whole model file to hash it takes its time on a slow disk; fetch gives up at 300 s by itself. */
const importLimitMs = 295_000

/** `silo models [list | pull ID | remove ID | import PATH]`. */
export async function models(invocation: Invocation): Promise<void> {
  const client = CompanionClient.find(invocation.config)
  const action = invocation.positionals[0] ?? 'list'
  switch (action) {
    case 'list':
      return list(client, invocation.terminal)
    case 'pull':
      return pull(client, invocation)
    case 'remove':
      return remove(client, invocation)
    case 'import':
      return importFile(client, invocation)
    default: {
      const detail = invocation.terminal.text('unknown_command', { command: `models ${action}` })
      throw new SiloError('bad_request', { params: { detail } })
    }
  }
}

async function list(client: CompanionClient, terminal: Terminal): Promise<void> {
  const { models } = await client.request(modelListSchema, '/api/models')
  if (terminal.json) return terminal.document({ models })
  const width = Math.max(0, ...models.map((model) => model.entry.id.length))
  for (const model of models) {
    terminal.line(
      [
        model.entry.id.padEnd(width),
        model.entry.task.padEnd(6),
        formatBytes(model.entry.size).padStart(8),
        `${stateText(terminal, model)} · ${fitText(terminal, model)}`,
      ].join('  '),
    )
  }
}

async function pull(client: CompanionClient, invocation: Invocation): Promise<void> {
  const { terminal } = invocation
  const id = required(invocation, 1, 'model_id')
  const { models } = await client.request(modelListSchema, '/api/models')
  const model = models.find((model) => model.entry.id === id)
  if (!model) throw new SiloError('model_unknown', { params: { model: id } })
  if (model.installed) {
    if (terminal.json) terminal.document({ model })
    else terminal.line(terminal.text('already', { model: id }))
    return
  }
  // Someone may have started it in the app: then it is only watched.
  const runId = model.downloadRunId ?? newId()
  if (!model.downloadRunId) await client.startRun({ kind: 'download', id: runId, modelId: id })
  const end = await watchRun(client, terminal, runId, (body) => {
    if (body.type === 'item-failed')
      terminal.note(`${body.item}: ${errorText(body.error, terminal.language)}`)
  })
  if (end.outcome === 'done' && !terminal.json) {
    terminal.line(terminal.text('fetched', { model: id }))
  }
}

async function remove(client: CompanionClient, invocation: Invocation): Promise<void> {
  const { terminal } = invocation
  const id = required(invocation, 1, 'model_id')
  const { model } = await client.request(
    modelResponseSchema,
    `/api/models/${encodeURIComponent(id)}`,
    { method: 'DELETE' },
  )
  if (terminal.json) terminal.document({ model })
  else terminal.line(terminal.text('removed', { model: id }))
}

async function importFile(client: CompanionClient, invocation: Invocation): Promise<void> {
  const { terminal } = invocation
  const path = resolve(required(invocation, 1, 'path'))
  const name = textOption(invocation, 'name')
  const { model } = await client.request(modelResponseSchema, '/api/models/import', {
    method: 'POST',
    body: { path, ...(name ? { name } : {}) },
    limitMs: importLimitMs,
  })
  if (terminal.json) terminal.document({ model })
  else terminal.line(terminal.text('imported_as', { model: model.entry.id }))
}

function stateText(terminal: Terminal, model: ModelState): string {
  if (model.loaded) return terminal.text('loaded')
  if (model.installed) return terminal.text(model.imported ? 'imported' : 'installed')
  return terminal.text(model.partial > 0 ? 'partial' : 'absent')
}

function fitText(terminal: Terminal, model: ModelState): string {
  const { verdict } = model.fit
  return terminal.text(verdict === 'too-big' ? 'too_big' : verdict)
}
