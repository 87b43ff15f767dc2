import { folderOf, noteName } from './note-path.ts'
import type { LinkSpan } from './note-text.ts'

/** Finds the notes that links name. */
export class NoteNames {
  readonly #byPath = new Map<string, string>()
  readonly #byName = new Map<string, string[]>()

  constructor(paths: Iterable<string>) {
    for (const path of paths) {
      this.#byPath.set(withoutEnding(path).toLowerCase(), path)
      const name = noteName(path).normalize('NFC').toLowerCase()
      const same = this.#byName.get(name)
      if (same) same.push(path)
      else this.#byName.set(name, [path])
    }
  }

  /** The note a link in `from` leads to. A bare name means the note of that name that is nearest. */
  resolve(link: Pick<LinkSpan, 'target' | 'kind'>, from: string): string | undefined {
    const target = withoutEnding(link.target.normalize('NFC'))
    if (link.kind === 'path') return this.#byPath.get(join(folderOf(from), target).toLowerCase())
    const clean = target.replace(/^\/+/, '').toLowerCase()
    const exact = this.#byPath.get(clean)
    if (exact !== undefined) return exact
    const same = this.#byName.get(clean.slice(clean.lastIndexOf('/') + 1)) ?? []
    const fitting = same.filter((path) => `/${withoutEnding(path).toLowerCase()}`.endsWith(`/${clean}`)) // prettier-ignore
    const near = folderOf(from)
    return fitting.toSorted(
      (a, b) =>
        Number(folderOf(b) === near) - Number(folderOf(a) === near) ||
        a.length - b.length ||
        (a < b ? -1 : 1),
    )[0]
  }

  /** How a link in `from` names `to`: by its bare name where that is enough. */
  nameFor(to: string, from: string, kind: LinkSpan['kind']): string {
    if (kind === 'path') return relative(folderOf(from), to)
    const name = noteName(to)
    return this.resolve({ target: name, kind }, from) === to ? name : withoutEnding(to)
  }
}

function withoutEnding(path: string): string {
  return path.replace(/\.md$/i, '')
}

function join(folder: string, path: string): string {
  const parts = folder === '' ? [] : folder.split('/')
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  return parts.join('/')
}

function relative(folder: string, path: string): string {
  const from = folder === '' ? [] : folder.split('/')
  const to = path.split('/')
  let same = 0
  while (same < from.length && same < to.length - 1 && from[same] === to[same]) same++
  return [...from.slice(same).map(() => '..'), ...to.slice(same)].join('/')
}
