import { setTimeout as sleep } from 'node:timers/promises'
import type { Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import { fromWire, SiloError } from '#shared/errors/silo-error.ts'
import { joinResponseSchema, type Join } from '#shared/protocol/team.ts'
import { CompanionClient } from './client.ts'
import type { Invocation } from './command.ts'
import { cancelledExitCode } from './watch.ts'

const pollMs = 300

/** `silo pair LINK` or `silo pair ADDRESS`: this companion asks another one to let it in. Ctrl-C gives up. */
export async function join(invocation: Invocation, where: string, role: Role): Promise<void> {
  const { terminal } = invocation
  const client = CompanionClient.find(invocation.config)
  const stop = new AbortController()
  const cancel = (): void => stop.abort()
  process.on('SIGINT', cancel)
  process.on('SIGTERM', cancel)
  try {
    const id = newId()
    const target = where.includes('#') ? { by: 'link', link: where } : { by: 'code', address: where } // prettier-ignore
    await client.request(joinResponseSchema, '/api/joins', { method: 'POST', body: { id, role, target } }) // prettier-ignore
    let shown: string | undefined
    for (;;) {
      const { join } = await client.request(joinResponseSchema, `/api/joins/${id}`)
      if (join.state === 'comparing' && join.code !== shown) {
        shown = join.code
        if (terminal.json) terminal.document({ join })
        else terminal.line(terminal.text('join_compare', { code: `${shown!.slice(0, 3)} ${shown!.slice(3)}` })) // prettier-ignore
      }
      if (join.state !== 'dialling' && join.state !== 'comparing') return report(invocation, join)
      await sleep(pollMs, undefined, { signal: stop.signal }).catch(() => {})
      if (!stop.signal.aborted) continue
      await client.send('DELETE', `/api/joins/${id}`).catch(() => {})
      process.exitCode = cancelledExitCode
      return terminal.note(terminal.text('cancelled'))
    }
  } finally {
    process.off('SIGINT', cancel)
    process.off('SIGTERM', cancel)
  }
}

function report({ terminal }: Invocation, join: Join): void {
  if (join.state !== 'joined' || !join.device || !join.as)
    throw join.error ? fromWire(join.error) : new SiloError('cancelled')
  if (terminal.json) return terminal.document({ join })
  const { name, role } = join.device
  terminal.line(terminal.text('joined', { name, as: terminal.text(join.as), role: terminal.text(role) })) // prettier-ignore
}
