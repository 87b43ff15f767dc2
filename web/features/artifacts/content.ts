import { send } from '#web/client/api.ts'
import type { Artifact } from '#shared/domain/artifact.ts'

/** Contents by hash: a version never changes, so it is fetched once. */
const known = new Map<string, Promise<string>>()
const kept = 50

/** @throws SiloError */
export function artifactContent(artifact: Artifact): Promise<string> {
  let content = known.get(artifact.sha256)
  if (!content) {
    content = send(`/api/artifacts/${artifact.id}/content`).then((response) => response.text())
    content.catch(() => known.delete(artifact.sha256))
    if (known.size >= kept) known.delete(known.keys().next().value ?? '')
    known.set(artifact.sha256, content)
  }
  return content
}

/** The bytes of a version, e.g. of a picture. @throws SiloError */
export async function artifactBytes(artifact: Artifact, signal?: AbortSignal): Promise<Blob> {
  const path = `/api/artifacts/${artifact.id}/content`
  const response = await send(path, { timeoutMs: 120_000, ...(signal ? { signal } : {}) })
  return new Blob([await response.arrayBuffer()], { type: pictureType(artifact) ?? octets })
}

const octets = 'application/octet-stream'
/** Pictures that can hold no program. */
const pictures = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif'])

/** The media type of a picture that may be shown; undefined for anything else. */
export function pictureType({ kind, mediaType = 'image/png' }: Artifact): string | undefined {
  return kind === 'image' && pictures.has(mediaType) ? mediaType : undefined
}

/** Whether a version is text that can be read, copied and shown as source. */
export function isText({ kind }: Pick<Artifact, 'kind'>): boolean {
  return kind !== 'image' && kind !== 'file'
}

const extensions: Record<Artifact['kind'], string> = {
  html: 'html',
  markdown: 'md',
  svg: 'svg',
  code: 'txt',
  csv: 'csv',
  chart: 'json',
  diagram: 'mmd',
  image: 'png',
  file: 'bin',
}

const codeExtensions: Record<string, string> = {
  python: 'py',
  javascript: 'js',
  typescript: 'ts',
  bash: 'sh',
  rust: 'rs',
  ruby: 'rb',
  csharp: 'cs',
  kotlin: 'kt',
}

/** A name the file system of any machine takes. */
export function fileNameOf(artifact: Artifact): string {
  const title = (artifact.title || 'artifact').replace(/[\\/:*?"<>|\s]+/g, '-').slice(0, 80)
  if (/\.\w{1,8}$/.test(title)) return title
  const { kind, language, mediaType } = artifact
  if (kind === 'image' && mediaType) return `${title}.${mediaType.replace(/^image\/|;.*$/g, '')}`
  const extension =
    kind === 'code' && language ? (codeExtensions[language] ?? language) : extensions[kind]
  return `${title}.${extension}`
}

/** The versions of each thing, newest first; things in the order they first appeared. */
export function groupVersions(artifacts: readonly Artifact[]): Artifact[][] {
  const groups = new Map<string, Artifact[]>()
  for (const artifact of artifacts) {
    const group = groups.get(artifact.key) ?? []
    group.unshift(artifact)
    groups.set(artifact.key, group)
  }
  return [...groups.values()].map((group) => group.toSorted((a, b) => b.version - a.version))
}
