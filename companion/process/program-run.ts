import type { Log } from '#companion/observe/log.ts'
import { Sidecar } from './sidecar.ts'
import type { SidecarCommand } from './sidecar-command.ts'

export interface ProgramRun extends SidecarCommand {
  /** What it is called in the log. */
  readonly name: string
  readonly log: Log
  readonly signal: AbortSignal
  /** It is ended after this, ms. */
  readonly limitMs: number
  readonly onOutput?: (text: string) => void
}

/** A program that did not end well. The message is the end of what it wrote. */
export class ProgramFailure extends Error {
  constructor(output: string) {
    super(output.trim())
    this.name = 'ProgramFailure'
  }
}

/**
 * Runs a program to its end; it ends with this process in any case. Returns the end of what it wrote.
 * @throws ProgramFailure where it fails, takes too long or cannot be started; the signal's reason
 */
export async function runProgram(run: ProgramRun): Promise<string> {
  const { signal, limitMs, ...command } = run
  signal.throwIfAborted()
  const { promise, resolve } = Promise.withResolvers<string>()
  const sidecar = new Sidecar({ ...command, ends: true, onExit: resolve })
  const end = (): void => void sidecar.close()
  const timer = setTimeout(end, limitMs)
  signal.addEventListener('abort', end, { once: true })
  try {
    const how = await promise
    signal.throwIfAborted()
    if (how !== 'exit code 0') throw new ProgramFailure(`${sidecar.output}\n${how}`)
    return sidecar.output
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}
