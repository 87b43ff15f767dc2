import type { SandboxLimits } from '#shared/contracts/sandbox.ts'

export type Limits = Required<NonNullable<SandboxLimits['limits']>>

const mebi = 1024 * 1024

/** What a job may use when it says nothing, and what it may never pass. */
const usual: Limits = {
  wallMs: 60_000,
  cpuSeconds: 60,
  memoryBytes: 1024 * mebi,
  outputBytes: mebi,
  fileBytes: 256 * mebi,
  files: 1000,
}
const most: Limits = {
  wallMs: 10 * 60_000,
  cpuSeconds: 600,
  memoryBytes: 2048 * mebi,
  outputBytes: 16 * mebi,
  fileBytes: 1024 * mebi,
  files: 10_000,
}
const least: Limits = {
  wallMs: 100,
  cpuSeconds: 1,
  memoryBytes: 64 * mebi,
  outputBytes: 1024,
  fileBytes: 1,
  files: 0,
}

/** The limits of a job, within what is sensible. */
export function limitsOf(asked: SandboxLimits['limits'] = {}): Limits {
  const limit = (name: keyof Limits): number =>
    Math.round(Math.min(most[name], Math.max(least[name], asked[name] ?? usual[name])))
  return {
    wallMs: limit('wallMs'),
    cpuSeconds: limit('cpuSeconds'),
    memoryBytes: limit('memoryBytes'),
    outputBytes: limit('outputBytes'),
    fileBytes: limit('fileBytes'),
    files: limit('files'),
  }
}
