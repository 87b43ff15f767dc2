import { parseArgs, type ParseArgsConfig } from 'node:util'
import { loadConfig } from '#companion/config/config.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError, toSiloError } from '#shared/errors/silo-error.ts'
import { ask } from './cli/ask.ts'
import type { Invocation } from './cli/command.ts'
import { backup, restore } from './cli/backup.ts'
import { devices } from './cli/devices.ts'
import { encrypt } from './cli/encrypt.ts'
import { doctor } from './cli/doctor.ts'
import { ingest } from './cli/ingest.ts'
import { lan } from './cli/lan.ts'
import { mcp } from './cli/mcp.ts'
import { models } from './cli/models.ts'
import { pair } from './cli/pair.ts'
import { python } from './cli/python.ts'
import { quantize } from './cli/quantize.ts'
import { start } from './cli/start.ts'
import { status } from './cli/status.ts'
import { sync } from './cli/sync.ts'
import { languageOf, Terminal } from './cli/terminal.ts'
import { vault } from './cli/vault.ts'

type Options = NonNullable<ParseArgsConfig['options']>

const commands: Record<
  string,
  {
    usage: Parameters<Terminal['text']>[0]
    options: Options
    run: (call: Invocation) => Promise<void>
  }
> = {
  status: { usage: 'usage_status', options: {}, run: status },
  doctor: { usage: 'usage_doctor', options: {}, run: doctor },
  ask: {
    usage: 'usage_ask',
    options: { collection: { type: 'string', multiple: true }, model: { type: 'string' } },
    run: ask,
  },
  ingest: { usage: 'usage_ingest', options: { collection: { type: 'string' } }, run: ingest },
  vault: { usage: 'usage_vault', options: { repair: { type: 'boolean' } }, run: vault },
  quantize: { usage: 'usage_quantize', options: {}, run: quantize },
  models: { usage: 'usage_models', options: { name: { type: 'string' } }, run: models },
  mcp: { usage: 'usage_mcp', options: {}, run: mcp },
  python: { usage: 'usage_python', options: {}, run: python },
  pair: { usage: 'usage_pair', options: { role: { type: 'string' } }, run: pair },
  devices: { usage: 'usage_devices', options: {}, run: devices },
  lan: { usage: 'usage_lan', options: {}, run: lan },
  sync: {
    usage: 'usage_sync',
    options: {
      name: { type: 'string' },
      address: { type: 'string', multiple: true },
      with: { type: 'string', multiple: true },
      id: { type: 'string' },
      label: { type: 'string' },
      type: { type: 'string' },
    },
    run: sync,
  },
  backup: {
    usage: 'usage_backup',
    options: { 'no-index': { type: 'boolean' }, 'new-passphrase-file': { type: 'string' } },
    run: backup,
  },
  restore: {
    usage: 'usage_restore',
    options: { 'passphrase-file': { type: 'string' } },
    run: restore,
  },
  encrypt: {
    usage: 'usage_encrypt',
    options: {
      passphrase: { type: 'boolean' },
      'no-notes': { type: 'boolean' },
      recover: { type: 'boolean' },
      'new-passphrase-file': { type: 'string' },
    },
    run: encrypt,
  },
}

/** The `silo` command (started by silo.mjs). Sets the exit code: 0, 1 after an error, 130 when stopped. */
async function main(args: readonly string[]): Promise<void> {
  const language = languageOf(process.env)
  const terminal = new Terminal(args.includes('--json'), language)
  try {
    await dispatch(terminal, args)
  } catch (error) {
    if (!(error instanceof SiloError)) process.stderr.write(`${String(error)}\n`)
    terminal.fail(toSiloError(error, newId()))
    if (error instanceof SiloError && error.code === 'companion_unreachable') {
      terminal.note(terminal.text('not_running'))
    }
    process.exitCode = 1
  }
}

async function dispatch(terminal: Terminal, args: readonly string[]): Promise<void> {
  const name = args.find((arg) => !arg.startsWith('-'))
  const help = args.includes('--help') || args.includes('-h')
  const rest = args.toSpliced(name === undefined ? args.length : args.indexOf(name), 1)
  if (name === undefined || name === 'help') {
    terminal.line(terminal.text('usage'))
    if (name === undefined && !help) process.exitCode = 1
    return
  }
  if (name === 'start') {
    if (help) return terminal.line(terminal.text('usage_start'))
    return start(
      terminal,
      loadConfig(),
      rest.filter((arg) => arg !== '--json'),
    )
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) {
    const detail = terminal.text('unknown_command', { command: name })
    throw new SiloError('bad_request', { params: { detail } })
  }
  if (help) return terminal.line(terminal.text(command.usage))
  const { values, positionals } = parse(rest, command.options)
  await command.run({ terminal, config: loadConfig(), positionals, values })
}

function parse(
  args: readonly string[],
  options: Options,
): Pick<Invocation, 'values' | 'positionals'> {
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, json: { type: 'boolean' } },
      allowPositionals: true,
    })
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw new SiloError('bad_request', { params: { detail }, cause })
  }
}

// The launcher is gone: nobody waits for what this prints.
process.on('disconnect', () => process.exit(1))
process.channel?.unref()
// `silo ask … | head` closes the pipe early.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})
await main(process.argv.slice(2))
