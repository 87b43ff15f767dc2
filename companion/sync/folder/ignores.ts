import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'
import { ignoreFileName, isSafeName } from './names.ts'

const maxBytes = 1024 * 1024
const maxPatterns = 10_000
const maxIncludes = 32

interface Pattern {
  readonly matches: RegExp
  readonly ignored: boolean
  readonly deletable: boolean
}

export interface Verdict {
  readonly ignored: boolean
  /** `(?d)`: may go where it keeps a directory from being deleted. */
  readonly deletable: boolean
}

const kept: Verdict = { ignored: false, deletable: false }

/** What may be handed to another thread. */
export interface IgnoreSource {
  readonly lines: readonly string[]
  readonly foldCase: boolean
}

/** The patterns of a `.stignore` file, as Syncthing reads them. The first that matches decides. */
export class IgnorePatterns {
  readonly source: IgnoreSource
  /** Something inside an ignored directory may still be wanted. */
  readonly hasExceptions: boolean
  readonly #patterns: Pattern[]

  /** `lines` with includes already put in place. */
  constructor(source: IgnoreSource) {
    this.source = source
    this.#patterns = source.lines.flatMap((line) => patternsOf(line, source.foldCase))
    this.hasExceptions = this.#patterns.some(({ ignored }) => !ignored)
  }

  check(name: string): Verdict {
    for (const pattern of this.#patterns) if (pattern.matches.test(name)) return pattern
    return kept
  }

  ignores(name: string): boolean {
    return this.check(name).ignored
  }

  sameAs(other: IgnorePatterns): boolean {
    return this.source.lines.join('\n') === other.source.lines.join('\n')
  }
}

/** By default patterns heed case where the file system does. */
function foldsCase(platform: NodeJS.Platform = process.platform): boolean {
  return platform === 'win32' || platform === 'darwin'
}

/**
 * Reads `.stignore` and what it includes.
 * @throws SiloError sync_ignores_broken where an included file is missing or a pattern cannot be read: without its
 * patterns a folder would send what must not be sent
 */
export async function readIgnores(root: string): Promise<IgnorePatterns> {
  const lines = await linesOf(root, ignoreFileName, new Set())
  try {
    return new IgnorePatterns({ lines, foldCase: foldsCase() })
  } catch (cause) {
    throw new SiloError('sync_ignores_broken', { params: { file: ignoreFileName }, cause })
  }
}

async function linesOf(root: string, file: string, open: Set<string>): Promise<string[]> {
  const broken = (cause?: unknown) =>
    new SiloError('sync_ignores_broken', { params: { file }, cause })
  const text = await readFile(join(root, file), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' && file === ignoreFileName) return ''
    throw broken(cause)
  })
  if (text.length > maxBytes || open.size > maxIncludes) throw broken()
  const lines: string[] = []
  for (const raw of text.replace(/^\ufeff/, '').split(/\r?\n/)) {
    const line = raw.trim()
    if (line === '' || line.startsWith('//')) continue
    const included = /^#include\s+(.+)$/.exec(line)?.[1]
    if (included === undefined) {
      if (!line.startsWith('#')) lines.push(line)
    } else {
      // Only files of this folder: a path from elsewhere would tell others what lies there.
      if (open.has(included) || !isSafeName(included)) throw broken()
      lines.push(...(await linesOf(root, included, new Set([...open, included]))))
    }
    if (lines.length > maxPatterns) throw broken()
  }
  return lines
}

function patternsOf(line: string, fold: boolean): Pattern[] {
  let rest = line
  let ignored = true
  let deletable = false
  let foldCase = fold
  for (;;) {
    if (rest.startsWith('!') && ignored) {
      ignored = false
      rest = rest.slice(1)
    } else if (rest.startsWith('(?i)')) {
      foldCase = true
      rest = rest.slice(4)
    } else if (rest.startsWith('(?d)')) {
      deletable = true
      rest = rest.slice(4)
    } else break
  }
  const globs: string[] = []
  const place = (glob: string) => {
    if (glob.startsWith('/')) globs.push(glob.slice(1))
    else if (glob.startsWith('**/')) globs.push(glob, glob.slice(3))
    else globs.push(glob, `**/${glob}`)
  }
  if (rest.endsWith('/**')) place(rest)
  else if (rest.endsWith('/')) place(`${rest}**`)
  else {
    place(rest)
    place(`${rest}/**`)
  }
  return globs.map((glob) => ({
    matches: new RegExp(`^${regexOf(glob)}$`, foldCase ? 'isu' : 'su'),
    ignored,
    deletable,
  }))
}

/** `*` and `?` stop at `/`, `**` does not; `[a-z]`, `[!a]`, `{a,b}` and `\` as in shells. */
function regexOf(glob: string): string {
  let out = ''
  let depth = 0
  for (let i = 0; i < glob.length; i++) {
    const character = glob[i]!
    if (character === '*') {
      if (glob[i + 1] === '*') {
        while (glob[i + 1] === '*') i++
        out += '.*'
      } else out += '[^/]*'
    } else if (character === '?') out += '[^/]'
    else if (character === '[') {
      const end = glob.indexOf(']', i + 2)
      if (end < 0) throw new Error('a pattern has [ without ]')
      const negated = glob[i + 1] === '!' || glob[i + 1] === '^'
      const body = glob.slice(i + (negated ? 2 : 1), end).replace(/[\\[\]^&]/g, '\\$&')
      out += `(?!/)[${negated ? '^' : ''}${body}]`
      i = end
    } else if (character === '{') {
      depth++
      out += '(?:'
    } else if (character === '}' && depth > 0) {
      depth--
      out += ')'
    } else if (character === ',' && depth > 0) out += '|'
    else if (character === '\\' && i + 1 < glob.length) out += literal(glob[++i]!)
    else out += literal(character)
  }
  if (depth > 0) throw new Error('a pattern has { without }')
  return out
}

function literal(character: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character
}
