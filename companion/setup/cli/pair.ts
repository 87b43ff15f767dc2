import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeQR } from 'qr'
import * as v from 'valibot'
import { roleSchema, type Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { pairingCreatedSchema, pairingResponseSchema, type Pairing } from '#shared/protocol/link.ts'
import { CompanionClient } from './client.ts'
import { textOption, type Invocation } from './command.ts'
import { join } from './join.ts'
import type { Terminal } from './terminal.ts'
import { cancelledExitCode } from './watch.ts'

const pollMs = 500

/**
 * `silo pair`: shows a QR code and a link, waits for a device, and asks whether the code of one that has no camera
 * is the right one. Ctrl-C withdraws the invitation. With a link or an address, this companion asks another one.
 */
export async function pair(invocation: Invocation): Promise<void> {
  const { terminal } = invocation
  const where = invocation.positionals[0]?.trim()
  // To the other companion one is a guest here, unless it is said to be one's own.
  if (where) return join(invocation, where, roleOption(invocation, textOption(invocation, 'role') ?? 'guest')) // prettier-ignore
  const role = roleOption(invocation)
  const client = CompanionClient.find(invocation.config)
  const stop = new AbortController()
  const cancel = (): void => stop.abort()
  process.on('SIGINT', cancel)
  process.on('SIGTERM', cancel)
  try {
    const { pairing, link } = await client.request(pairingCreatedSchema, '/api/pairings', {
      method: 'POST',
      body: { id: newId(), role },
    })
    if (terminal.json) terminal.document({ pairing, link })
    else show(terminal, pairing, link)
    const end = await follow(client, terminal, pairing, stop.signal)
    if (end) report(terminal, end)
    else {
      await client.send('DELETE', `/api/pairings/${pairing.id}`).catch(() => {})
      process.exitCode = cancelledExitCode
      terminal.note(terminal.text('cancelled'))
    }
  } finally {
    process.off('SIGINT', cancel)
    process.off('SIGTERM', cancel)
  }
}

/** The role a device shall have. @throws SiloError bad_request */
export function roleOption(invocation: Invocation, text = textOption(invocation, 'role')): Role {
  const parsed = v.safeParse(roleSchema, text ?? 'owner')
  if (parsed.success) return parsed.output
  const detail = invocation.terminal.text('roles')
  throw new SiloError('bad_request', { params: { detail }, field: 'role' })
}

function show(terminal: Terminal, pairing: Pairing, link: string): void {
  const code = drawn(link)
  if (process.stdout.isTTY && code.width <= (process.stdout.columns ?? 80)) terminal.line(code.text)
  else if (process.stdout.isTTY) terminal.line(terminal.text('pair_narrow', { width: code.width }))
  terminal.line(terminal.text('pair_link'))
  terminal.line(link)
  if (['localhost', '127.0.0.1', '[::1]'].includes(new URL(link).hostname))
    terminal.line(terminal.text('pair_local'))
  terminal.line()
  terminal.line(terminal.text('pair_address', { addresses: pairing.shortAddresses.join('  ') }))
  terminal.line(terminal.text('pair_waiting', { role: terminal.text(pairing.role) }))
}

/** Two rows of modules a line, dark on light whatever the colours of the terminal are. */
function drawn(link: string): { text: string; width: number } {
  const rows = encodeQR(link, 'raw', { ecc: 'low', border: 2 })
  const lines: string[] = []
  for (let y = 0; y < rows.length; y += 2) {
    const halves = rows[y]!.map((upper, x) => {
      const lower = rows[y + 1]?.[x] ?? false
      return upper ? (lower ? '█' : '▀') : lower ? '▄' : ' '
    })
    lines.push(`\u001b[38;5;16;48;5;231m${halves.join('')}\u001b[0m`)
  }
  return { text: lines.join('\n'), width: rows.length }
}

/** Waits for the end of the invitation; undefined when the person stopped waiting. */
async function follow(
  client: CompanionClient,
  terminal: Terminal,
  { id }: Pairing,
  signal: AbortSignal,
): Promise<Pairing | undefined> {
  const asked = new Set<string>()
  for (;;) {
    if (signal.aborted) return undefined
    const { pairing } = await client.request(pairingResponseSchema, `/api/pairings/${id}`)
    if (pairing.state !== 'open') return pairing
    const { request } = pairing
    if (request && !asked.has(request.code)) {
      asked.add(request.code)
      const allow = await confirmed(terminal, request, signal)
      // Nobody there to answer, or nobody yet: the app may still do it.
      if (allow !== undefined)
        await client
          .request(pairingResponseSchema, `/api/pairings/${id}/answer`, {
            method: 'POST',
            body: { deviceId: request.deviceId, allow },
          })
          .catch((error: unknown) => {
            // The device did not wait for the answer.
            if (!(error instanceof SiloError && error.code === 'conflict')) throw error
          })
    }
    await sleep(pollMs, undefined, { signal }).catch(() => {})
  }
}

async function confirmed(
  terminal: Terminal,
  request: NonNullable<Pairing['request']>,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (terminal.json) terminal.document({ request })
  const { name, platform, code } = request
  const device = platform ? `${name} (${platform})` : name
  const input = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
  try {
    const gone = new Promise<undefined>((resolve) => input.once('close', () => resolve(undefined)))
    const question = terminal.text('pair_compare', { device, code: `${code.slice(0, 3)} ${code.slice(3)}` }) // prettier-ignore
    const answer = await Promise.race([input.question(`${question} `, { signal }), gone])
    return answer === undefined ? undefined : /^\s*(y|yes|j|ja|是|对|好)\s*$/i.test(answer)
  } catch {
    return undefined
  } finally {
    input.close()
  }
}

function report(terminal: Terminal, pairing: Pairing): void {
  if (terminal.json) terminal.document({ pairing })
  if (pairing.state === 'paired' && pairing.device) {
    const { name, role } = pairing.device
    if (!terminal.json) terminal.line(terminal.text('paired', { name, role: terminal.text(role) }))
    return
  }
  process.exitCode = 1
  const key = pairing.state === 'expired' ? 'pair_expired' : 'pair_ended'
  terminal.note(terminal.text(key))
}
