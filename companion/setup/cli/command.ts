import type { Config } from '#companion/config/config.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { Terminal } from './terminal.ts'

/** What every command gets: what stands after its name on the command line, parsed. */
export interface Invocation {
  readonly terminal: Terminal
  readonly config: Config
  readonly positionals: readonly string[]
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>
}

/** @throws SiloError bad_request saying what is missing, in the user's language */
export function required(
  { terminal, positionals }: Invocation,
  index: number,
  what:
    | 'question'
    | 'path'
    | 'model_id'
    | 'package'
    | 'device'
    | 'name'
    | 'role'
    | 'sync_device_id'
    | 'sync_folder',
): string {
  const value = positionals[index]?.trim()
  if (value) return value
  const detail = terminal.text('missing', { what: terminal.text(what) })
  throw new SiloError('bad_request', { params: { detail } })
}

export function textOption({ values }: Invocation, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}
