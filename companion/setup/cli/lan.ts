import { errorText, fromWire, SiloError } from '#shared/errors/silo-error.ts'
import { lanResponseSchema, type Lan } from '#shared/protocol/lan.ts'
import { CompanionClient } from './client.ts'
import type { Invocation } from './command.ts'
import type { Terminal } from './terminal.ts'

/** `silo lan [status | on | off]`. Exit code 1 where it should be on and could not be. */
export async function lan({ terminal, config, positionals }: Invocation): Promise<void> {
  const action = positionals[0] ?? 'status'
  if (!['status', 'on', 'off'].includes(action)) {
    const detail = terminal.text('unknown_command', { command: `lan ${action}` })
    throw new SiloError('bad_request', { params: { detail } })
  }
  const client = CompanionClient.find(config)
  const change = { method: 'PATCH', body: { on: action === 'on' } }
  const { lan } = await client.request(lanResponseSchema, '/api/lan', action === 'status' ? {} : change) // prettier-ignore
  if (terminal.json) terminal.document({ lan })
  else for (const line of lines(lan, terminal)) terminal.line(line)
  if (lan.state === 'failed') process.exitCode = 1
}

function lines(lan: Lan, terminal: Terminal): string[] {
  const { language } = terminal
  const zh = language === 'zh'
  if (lan.state === 'failed' && lan.error) return [errorText(fromWire(lan.error), language)]
  if (lan.state !== 'on')
    return [
      lan.allowed
        ? terminal.text('lan_off')
        : errorText({ code: 'lan_not_allowed', message: '' }, language),
    ]
  const rows: [string, string][] = [
    ...lan.appUrls.map((url, i): [string, string] => [i === 0 ? (zh ? '应用' : 'App') : '', url]),
    ...lan.installUrls.slice(0, 1).map((url): [string, string] => [zh ? '证书说明' : 'Certificate', url]), // prettier-ignore
    [zh ? '颁发机构' : 'Authority', lan.authority?.name ?? ''],
    ['SHA-256', lan.authority?.fingerprint ?? ''],
  ]
  const width = zh ? 10 : 13
  return rows.map(([label, value]) => label.padEnd(width - (zh ? label.replace(/[ -~]/g, '').length : 0)) + value) // prettier-ignore
}
