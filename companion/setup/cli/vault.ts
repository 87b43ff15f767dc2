import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { collectionListSchema, runResponseSchema } from '#shared/protocol/api.ts'
import { checkResponseSchema, type CheckReport } from '#shared/protocol/ingest.ts'
import { CompanionClient } from './client.ts'
import type { Invocation } from './command.ts'
import type { Terminal } from './terminal.ts'
import { watchRun } from './watch.ts'

const foundExitCode = 2

/** `silo vault check [--repair]`. */
export async function vault({ terminal, config, positionals, values }: Invocation): Promise<void> {
  if (positionals[0] !== 'check' || positionals.length > 1) {
    const detail = terminal.text('unknown_command', { command: `vault ${positionals.join(' ')}`.trim() }) // prettier-ignore
    throw new SiloError('bad_request', { params: { detail } })
  }
  const repair = values.repair === true
  const client = CompanionClient.find(config)
  const body = { id: newId(), repair }
  const { run } = await client.request(runResponseSchema, '/api/vault/check', { method: 'POST', body }) // prettier-ignore
  const end = await watchRun(client, terminal, run.id, () => {})
  if (end.outcome !== 'done') return
  const { report } = await client.request(checkResponseSchema, '/api/vault/check')
  if (!report) throw new SiloError('bad_response')
  if (report.findings.some(({ repaired }) => !repaired)) process.exitCode = foundExitCode
  if (terminal.json) return terminal.document({ report })
  const { collections } = await client.request(collectionListSchema, '/api/collections')
  show(report, terminal, new Map(collections.map(({ id, name }) => [id, name])))
}

function show(report: CheckReport, terminal: Terminal, names: ReadonlyMap<string, string>): void {
  const nameOf = (id: string): string => names.get(id) ?? id
  const { collections, documents, chunks } = report
  if (report.findings.length === 0)
    terminal.line(terminal.text('check_clean', { collections, documents, chunks }))
  for (const { kind, collectionId, owner, count, repaired } of report.findings) {
    const where = [
      nameOf(collectionId),
      ...(owner === undefined
        ? []
        : [terminal.text('check_of', { device: `…${owner.slice(-8)}` })]),
    ].filter(Boolean)
    const what = `${count} × ${terminal.text(`check_${kind}`)}`
    terminal.line([...where, what, terminal.text(repaired ? 'check_repaired' : 'check_open')].join(' · ')) // prettier-ignore
  }
  for (const id of report.busy) terminal.line(terminal.text('check_busy', { name: nameOf(id) }))
  const lost = report.findings.some(({ kind }) => kind === 'chunks-missing' || kind === 'dataset-damaged') // prettier-ignore
  if (report.repair && lost) terminal.note(terminal.text('check_reading'))
}
