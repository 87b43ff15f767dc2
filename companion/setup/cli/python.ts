import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { runResponseSchema } from '#shared/protocol/api.ts'
import { pythonPackagesSchema } from '#shared/protocol/python.ts'
import { CompanionClient } from './client.ts'
import { required, type Invocation } from './command.ts'
import { watchRun } from './watch.ts'

/** `silo python [list | add PACKAGE…]`. */
export async function python(invocation: Invocation): Promise<void> {
  const { terminal, positionals } = invocation
  const client = CompanionClient.find(invocation.config)
  const [action = 'list', ...packages] = positionals
  if (action === 'add') {
    required(invocation, 1, 'package')
    const body = { id: newId(), packages }
    const { run } = await client.request(runResponseSchema, '/api/python/packages', { method: 'POST', body }) // prettier-ignore
    const end = await watchRun(client, terminal, run.id, () => {})
    if (end.outcome === 'done' && !terminal.json)
      terminal.line(terminal.text('fetched', { model: packages.join(', ') }))
    return
  }
  if (action !== 'list') {
    const detail = terminal.text('unknown_command', { command: `python ${action}` })
    throw new SiloError('bad_request', { params: { detail } })
  }
  const { imports } = await client.request(pythonPackagesSchema, '/api/python/packages')
  if (terminal.json) return terminal.document({ imports })
  for (const name of imports) terminal.line(name)
  if (imports.length === 0) terminal.note(terminal.text('python_none'))
}
