import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { InferflowEngine } from '#companion/engines/inferflow/engine.ts'

const source = fileURLToPath(new URL('./fakes/inferflow-service.mjs', import.meta.url))

/** The fake service as a program that can be started by itself, in a new folder below `parent`. */
export function fakeInferflow(parent: string): string {
  return inferflowProgram(parent, readFileSync(source, 'utf8'))
}

/** A program of this source, a module, in the place of Inferflow's service. */
export function inferflowProgram(parent: string, code: string): string {
  const path = join(mkdtempSync(join(parent, 'program-')), 'inferflow_service.mjs')
  writeFileSync(path, `#!${process.execPath}\n${code}`, { mode: 0o700 })
  return path
}

/** The folder outside the namespace of the first service, in which its socket is. */
export function runFolderOf(engine: InferflowEngine): string {
  const mounts = readFileSync(`/proc/${engine.pids[0]}/cmdline`, 'utf8').split('\0')
  return mounts[mounts.indexOf('/silo/run') - 1] ?? ''
}
