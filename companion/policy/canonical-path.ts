import { lstat, realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join, normalize, posix, win32 } from 'node:path'
import { SiloError } from '#shared/errors/silo-error.ts'

/** What people call the usual folders of the home folder. */
const folderNames: readonly (readonly [string, readonly string[]])[] = [
  ['Downloads', ['downloads', 'download', '下载', '下载文件夹', '下载目录']],
  ['Documents', ['documents', '文档', '我的文档', '文件']],
  ['Desktop', ['desktop', '桌面']],
  ['Pictures', ['pictures', 'photos', '图片', '照片']],
  ['Music', ['music', '音乐']],
  ['Videos', ['videos', 'movies', '视频']],
]

/** Characters that make a name look like another one, or change its direction. */
const deceptive = /[\u0000-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/ // eslint-disable-line no-control-regex

/** Names that Windows gives to devices, in every folder and with every ending. */
const deviceName = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i

/**
 * The absolute path of what a person or a model named: `~/x`, `Downloads/x`, `下载`, an absolute path. Nothing is resolved
 * on disk. @throws SiloError path_refused
 */
export function namedPath(
  named: string,
  home: string = homedir(),
  platform: NodeJS.Platform = process.platform,
): string {
  const { isAbsolute, join, normalize, resolve } = platform === 'win32' ? win32 : posix
  // An absolute path is taken by the letter: a name may end with a space or a quotation mark.
  const given = isAbsolute(named) ? named : named.trim().replace(/^["'“”‘’`]+|["'“”‘’`]+$/g, '')
  const refuse = (detail: string) => new SiloError('path_refused', { params: { path: given.slice(0, 200), detail } }) // prettier-ignore
  if (given === '' || given.length > 4096) throw refuse('length')
  if (deceptive.test(given)) throw refuse('characters')
  if (/^[/\\]{2}|^[a-z][a-z0-9+.-]+:\/\//i.test(given)) throw refuse('not a local path')
  if (platform === 'win32') {
    if (/^[/\\]/.test(given)) throw refuse('no drive')
    // What Windows leaves out of a name, and what names something else than the file.
    const parts = given.replace(/^[a-z]:(?=[/\\])/i, '').split(/[/\\]/)
    if (parts.some((part) => part.includes(':'))) throw refuse('stream')
    if (parts.some((part) => /[. ]$/.test(part) && !/^\.{1,2}$/.test(part))) throw refuse('ending')
    if (parts.some((part) => deviceName.test(part))) throw refuse('device')
  }
  if (given === '~' || given.startsWith('~/') || given.startsWith('~\\')) return normalize(join(home, given.slice(1))) // prettier-ignore
  if (given.startsWith('~')) throw refuse('another user')
  if (isAbsolute(given)) return normalize(given)
  const [first = '', ...rest] = given.split(/[/\\]/)
  const known = folderNames.find(([, names]) =>
    names.includes(first.normalize('NFC').toLowerCase()),
  )
  return resolve(home, known ? join(known[0], ...rest) : given)
}

/**
 * The path with every symbolic link of its folders and of itself resolved, as far as it exists; what does not exist yet
 * keeps its name. @throws SiloError path_refused where a link leads in a circle or a folder cannot be read
 */
export async function canonicalPath(path: string): Promise<string> {
  const missing: string[] = []
  for (let at = normalize(path); ; at = dirname(at)) {
    try {
      return join(await realpath(at), ...missing)
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR')
        throw new SiloError('path_refused', { params: { path, detail: code ?? 'unknown' }, cause })
      // A link to nothing would be followed by whoever writes there.
      if (
        await lstat(at).then(
          (stats) => stats.isSymbolicLink(),
          () => false,
        )
      )
        throw new SiloError('path_refused', { params: { path, detail: 'dangling link' }, cause })
      if (dirname(at) === at) throw new SiloError('path_not_found', { params: { path }, cause })
      missing.unshift(basename(at))
    }
  }
}
