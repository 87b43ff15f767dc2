import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { ToolArtifact } from '#shared/contracts/tool.ts'

type Left = { readonly name: string; readonly size: number }

/** What is shown of one run; more files than these are only named. */
const shownFiles = 20
const shownBytes = 20 * 1024 * 1024

const kinds: Record<string, Pick<ToolArtifact, 'kind' | 'mediaType'>> = {
  '.html': { kind: 'html', mediaType: 'text/html' },
  '.htm': { kind: 'html', mediaType: 'text/html' },
  '.md': { kind: 'markdown', mediaType: 'text/markdown' },
  '.svg': { kind: 'svg', mediaType: 'image/svg+xml' },
  '.csv': { kind: 'csv', mediaType: 'text/csv' },
  '.png': { kind: 'image', mediaType: 'image/png' },
  '.jpg': { kind: 'image', mediaType: 'image/jpeg' },
  '.jpeg': { kind: 'image', mediaType: 'image/jpeg' },
  '.gif': { kind: 'image', mediaType: 'image/gif' },
  '.webp': { kind: 'image', mediaType: 'image/webp' },
  '.json': { kind: 'code', mediaType: 'application/json' },
  '.py': { kind: 'code', mediaType: 'text/x-python' },
  '.txt': { kind: 'code', mediaType: 'text/plain' },
  '.log': { kind: 'code', mediaType: 'text/plain' },
  '.xlsx': { kind: 'file', mediaType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' },
  '.pdf': { kind: 'file', mediaType: 'application/pdf' },
  '.zip': { kind: 'file', mediaType: 'application/zip' },
} // prettier-ignore

/** Files that a program left, as things to look at. A file of the same name is another version of the same thing. */
export async function artifactsOf(folder: string, files: readonly Left[]): Promise<ToolArtifact[]> {
  const artifacts: ToolArtifact[] = []
  let bytes = 0
  for (const { name, size } of files) {
    if (artifacts.length === shownFiles) break
    if (bytes + size > shownBytes) continue
    bytes += size
    artifacts.push(artifactOf(name, await readFile(join(folder, name))))
  }
  return artifacts
}

export function artifactOf(name: string, content: Uint8Array): ToolArtifact {
  const known = kinds[extname(name).toLowerCase()]
  return {
    key: name,
    title: name,
    kind: known?.kind ?? 'file',
    mediaType: known?.mediaType ?? 'application/octet-stream',
    content,
  }
}
