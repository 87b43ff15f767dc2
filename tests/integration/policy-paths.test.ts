import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { namedPath } from '#companion/policy/canonical-path.ts'
import { refusalOf } from '#companion/policy/refused-places.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { codeOf, PolicyWorld } from '#tests/tools/policy.ts'

// A home folder of its own: the secret places are in it. Before anything asks where it is.
const home = await vi.hoisted(async () => {
  const fs = await import('node:fs')
  const os = await import('node:os')
  const path = await import('node:path')
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'silo-person-')))
  process.env.HOME = folder
  return folder
})

const { signal } = new AbortController()
const limit = 1000
let world: PolicyWorld
let folder: string
beforeEach(() => {
  world = new PolicyWorld()
  folder = join(home, 'Documents')
  for (const place of [folder, join(home, '.ssh')]) mkdirSync(place, { recursive: true })
  writeFileSync(join(home, '.ssh', 'id_rsa'), 'the key')
  writeFileSync(join(home, '.ssh', 'config'), 'the config')
  writeFileSync(join(folder, 'a.txt'), 'alpha')
})
afterEach(() => {
  world.close()
  for (const name of ['Documents', '.ssh', 'dotfiles'])
    rmSync(join(home, name), { recursive: true, force: true })
})

const read = async (path: string): Promise<string> =>
  Buffer.from(await world.files().read(path, { limit }, signal)).toString()
const put = (path: string, text = 'x'): string => {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

describe('places that are refused whatever is granted', () => {
  const linux = { platform: 'linux', home: '/home/ann' } as const
  const mac = { platform: 'darwin', home: '/Users/ann' } as const
  const windows = { platform: 'win32', home: 'C:\\Users\\ann' } as const
  it.each([
    [linux, '/etc/passwd', 'system'],
    [linux, '/proc/self/environ', 'system'],
    [linux, '/dev/null', 'system'],
    [linux, '/usr/bin', 'system'],
    [linux, '/root/x', 'system'],
    [linux, '/home/ann/.ssh', 'secrets'],
    [linux, '/home/ann/.ssh/config', 'secrets'],
    [linux, '/home/ann/.SSH/config', 'secrets'],
    [linux, '/home/ann/.ſſh/config', 'secrets'],
    [linux, '/home/ann/．ｓｓｈ/config', 'secrets'],
    [linux, '/home/ann/.ssh./config', 'secrets'],
    [linux, '/home/ann/.s\u200dsh/config', 'secrets'],
    [linux, '/home/ann/.config/google-chrome/Default/Cookies', 'secrets'],
    [linux, '/home/ann/project/.env', 'secrets'],
    [linux, '/home/ann/project/.env.local', 'secrets'],
    [linux, '/home/ann/keys/server.PEM', 'secrets'],
    [linux, '/home/ann/a: b.pem', 'secrets'],
    [linux, '/srv/silo/models', 'silo'],
    [linux, '/home/ann/Documents/a.txt', undefined],
    [linux, '/home/ann/.sshd', undefined],
    [linux, '/home/ann/etc/passwd', undefined],
    [linux, '/etcetera', undefined],
    [mac, '/System/Library', 'system'],
    [mac, '/private/etc/hosts', 'system'],
    [mac, '/Users/ann/Library/Keychains/login.keychain-db', 'secrets'],
    [mac, '/Users/ann/library/keychains/x', 'secrets'],
    [mac, '/Users/ann/Library/Messages/chat.db', 'secrets'],
    [mac, '/Users/ann/.ssh/id_ed25519', 'secrets'],
    [mac, '/Users/ann/Documents', undefined],
    [windows, 'C:\\Windows\\System32\\config\\SAM', 'system'],
    [windows, 'c:\\WINDOWS\\x', 'system'],
    [windows, 'C:\\Program Files\\x', 'system'],
    [windows, 'C:\\Users\\ann\\AppData\\Roaming\\Microsoft\\Credentials\\x', 'secrets'],
    [windows, 'C:\\Users\\ann\\.ssh\\id_rsa', 'secrets'],
    [windows, 'C:\\Users\\ann\\.ssh. \\config', 'secrets'],
    [windows, 'C:\\Users\\ann\\x\\id_rsa::$DATA', 'secrets'],
    [windows, 'C:\\Users\\ann\\Documents\\a.txt', undefined],
  ] as const)('%o %s: %s', (system, path, why) => {
    expect(refusalOf(path, ['/srv/silo'], system)).toBe(why)
  })

  it('leaves the home folder of root open, and its secrets shut', () => {
    const root = { platform: 'linux', home: '/root' } as const
    expect(refusalOf('/root/Documents/a', [], root)).toBeUndefined()
    expect(refusalOf('/root/.ssh/a', [], root)).toBe('secrets')
    expect(refusalOf('/root', [], root)).toBe('system')
  })
})

describe('names of paths', () => {
  it.each([
    ['linux', '~/x', '/home/ann/x'],
    ['linux', '下载/发票', '/home/ann/Downloads/发票'],
    ['linux', '"~/My Papers"', '/home/ann/My Papers'],
    ['linux', 'Documents/../.ssh/x', '/home/ann/.ssh/x'],
    ['linux', '/home/ann/a ', '/home/ann/a '],
    ['win32', 'Downloads\\x', 'C:\\Users\\ann\\Downloads\\x'],
    ['win32', 'D:\\a\\..\\b', 'D:\\b'],
  ] as const)('on %s %s is %s', (platform, named, path) => {
    expect(namedPath(named, platform === 'win32' ? 'C:\\Users\\ann' : '/home/ann', platform)).toBe(path) // prettier-ignore
  })

  it.each([
    ['linux', ''],
    ['linux', '   '],
    ['linux', 'a\0b'],
    ['linux', 'a\nb'],
    ['linux', 'invoice\u202efdp.exe'],
    ['linux', 'in\u200bvoice'],
    ['linux', '/home/ann/\u206a.ssh'],
    ['linux', '~root/.ssh'],
    ['linux', 'file:///etc/passwd'],
    ['linux', '//server/share'],
    ['linux', 'x'.repeat(4097)],
    ['win32', '\\\\server\\share\\x'],
    ['win32', '\\\\?\\C:\\Windows'],
    ['win32', '\\\\.\\PhysicalDrive0'],
    ['win32', '\\Windows'],
    ['win32', 'C:\\a.txt:stream'],
    ['win32', 'C:\\a.txt::$DATA'],
    ['win32', 'C:\\Users\\ann\\.ssh.\\x'],
    ['win32', 'C:\\Users\\ann\\.ssh \\x'],
    ['win32', 'C:\\x\\NUL'],
    ['win32', 'con.txt'],
    ['win32', 'COM1'],
  ] as const)('on %s %j is none', (platform, named) => {
    expect(() => namedPath(named, platform === 'win32' ? 'C:\\Users\\ann' : '/home/ann', platform)).toThrow(SiloError) // prettier-ignore
  })
})

describe('a granted folder', () => {
  beforeEach(() => world.allow(folder))

  it('is read, and nothing beside it without asking', async () => {
    expect(await read(join(folder, 'a.txt'))).toBe('alpha')
    put(join(home, 'Documents2', 'b.txt'))
    world.answers.push({ decision: 'deny' })
    expect(await codeOf(read(join(home, 'Documents2', 'b.txt')))).toBe('approval_denied')
    rmSync(join(home, 'Documents2'), { recursive: true })
  })

  it.each([
    ['a link to a file', () => symlinkSync(join(home, '.ssh', 'config'), join(folder, 'in'))],
    ['a link to a link', () => { symlinkSync(join(home, '.ssh', 'config'), join(folder, 'z')); symlinkSync(join(folder, 'z'), join(folder, 'in')) }],
    ['a second name of a file', () => linkSync(join(home, '.ssh', 'config'), join(folder, 'in'))],
    ['a link in a circle', () => symlinkSync(join(folder, 'in'), join(folder, 'in'))],
    ['a link to nothing', () => symlinkSync(join(home, '.ssh', 'new'), join(folder, 'in'))],
    ['a link to the environment', () => symlinkSync('/proc/self/environ', join(folder, 'in'))],
    ['a pipe', () => execFileSync('mkfifo', [join(folder, 'in')])],
    ['a folder', () => mkdirSync(join(folder, 'in'))],
  ])('does not lead out by %s', async (_what, make) => {
    make()
    expect(await codeOf(read(join(folder, 'in')))).toBe('path_refused')
    expect(await codeOf(world.files().hash(join(folder, 'in'), signal))).toBe('path_refused')
    expect(await codeOf(world.files().copyTo(join(folder, 'in'), join(home, 'copy'), signal))).toBe('path_refused') // prettier-ignore
    expect(world.asked).toEqual([])
  }) // prettier-ignore

  it.each([
    ['a linked folder', () => symlinkSync(join(home, '.ssh'), join(folder, 'in')), 'in/config'],
    ['a chain of them', () => { symlinkSync(home, join(folder, 'h')); symlinkSync('h/.ssh', join(folder, 'in')) }, 'in/config'],
    ['the way up', () => {}, '../.ssh/config'],
    ['a link and the way up', () => { mkdirSync(join(home, '.ssh', 'sub')); symlinkSync(join(home, '.ssh', 'sub'), join(folder, 'in')) }, 'in/../config'],
  ])('does not lead out by %s', async (_what, make, path) => {
    make()
    world.answers.push({ decision: 'deny' })
    expect(['path_refused', 'path_not_found']).toContain(await codeOf(read(`${folder}/${path}`)))
    const up = dirname(`${folder}/${path}`)
    if (!path.includes('/../')) expect(await codeOf(world.files().list(up, signal))).toMatch(/path_refused|approval_denied/) // prettier-ignore
    expect(world.asked).toEqual([])
  }) // prettier-ignore

  it('tells of links and does not follow them', async () => {
    symlinkSync(home, join(folder, 'home'))
    put(join(folder, 'sub', 'b.txt'))
    const names: string[] = []
    for await (const { name, kind } of world.files().walk(folder, { limit: 100, signal }))
      names.push(`${kind} ${name}`)
    expect(names).toEqual(['file a.txt', 'other home', 'folder sub', 'file b.txt'])
  })

  it.runIf(process.platform === 'linux').each([
    ['/proc/self/root', (path: string) => `/proc/self/root${path}`],
    ['/proc/thread-self/root', (path: string) => `/proc/thread-self/root${path}`],
    ['the working folder', (path: string) => `/proc/self/cwd/${'../'.repeat(30)}${path.slice(1)}`],
  ])('is no other folder by %s', async (_what, by) => {
    // The same file by a longer way is judged by where it is.
    expect(await read(by(join(folder, 'a.txt')))).toBe('alpha')
    expect(await codeOf(read(by(join(home, '.ssh', 'config'))))).toBe('path_refused')
    expect(await codeOf(read(by('/etc/passwd')))).toBe('path_refused')
  })

  it.each(['/proc/self/environ', '/proc/1/root/etc/passwd', '/dev/stdin', '/dev/fd/0', '/etc/passwd', '/proc/self/mem'])('does not reach %s', async (path) => {
    expect(['path_refused', 'path_not_found']).toContain(await codeOf(read(path)))
    expect(world.asked).toEqual([])
  }) // prettier-ignore

  it('is another folder than one whose name differs in case, in form, or looks alike', async () => {
    const names = ['documents', 'Documents '.trimEnd() + '.', 'Dοcuments', 'Ｄocuments']
    world.allow(join(home, 'Café'.normalize('NFC')))
    names.push('Café'.normalize('NFD'))
    for (const name of names) {
      const path = put(join(home, name, 'a.txt'), 'other')
      // Where the file system takes both for one, it is the granted one.
      if (realpathSync(path) === realpathSync(join(folder, 'a.txt'))) continue
      world.answers.push({ decision: 'deny' })
      expect(await codeOf(read(path)), name).toBe('approval_denied')
      rmSync(join(home, name), { recursive: true })
    }
    expect(world.asked.length).toBeGreaterThan(0)
  })

  it('gives the file that was named, with its space, quote or dot at the end', async () => {
    for (const name of ['b', 'b ', 'b.', 'b"', "b'", ' b']) put(join(folder, name), `[${name}]`)
    for (const name of ['b', 'b ', 'b.', 'b"', "b'", ' b'])
      expect(await read(join(folder, name))).toBe(`[${name}]`)
  })

  it('says no to names that no system has', async () => {
    for (const name of ['x'.repeat(300), 'y/'.repeat(2100), `${'z'.repeat(200)}/`.repeat(20)])
      expect(['path_refused', 'path_not_found']).toContain(await codeOf(read(join(folder, name))))
  })

  it('may hold five thousand files, of any name', async () => {
    const crowd = join(folder, 'crowd')
    mkdirSync(crowd)
    for (let n = 0; n < 5000; n++) writeFileSync(join(crowd, `${n}.txt`), '')
    for (const name of ['new\nline', '-rf', '$(reboot)', '名字', '.env', 'server.pem'])
      writeFileSync(join(crowd, name), '')
    const files = world.files()
    const names = (await files.list(crowd, signal)).map(({ name }) => name)
    expect(names).toHaveLength(5004)
    expect(names).not.toContain('server.pem')
    let seen = 0
    for await (const entry of files.walk(folder, { limit: 100, signal })) seen += entry ? 1 : 0
    expect(seen).toBe(100)
    const abort = new AbortController()
    seen = 0
    const walked = (async () => {
      for await (const entry of files.walk(folder, { limit: 9999, signal: abort.signal }))
        if (entry && ++seen === 50) abort.abort(new Error('enough'))
    })()
    await expect(walked).rejects.toThrow('enough')
    expect(seen).toBe(50)
  })

  it('reads no more than it is asked to, also of a file that says it has no end', async () => {
    put(join(folder, 'big'), 'x'.repeat(3000))
    expect(await world.files().read(join(folder, 'big'), { limit: 10, offset: 2995 }, signal)).toHaveLength(5) // prettier-ignore
    expect(await world.files().read(join(folder, 'big'), { limit: 10, offset: 9999 }, signal)).toHaveLength(0) // prettier-ignore
  })
})

describe('what is swapped between the check and the use', () => {
  it.each([
    ['the folder, for a link', (at: string) => { renameSync(at, `${at}-old`); symlinkSync(join(home, '.ssh'), at) }, 'path_changed'],
    ['the file, for a link', (at: string) => { rmSync(join(at, 'config')); symlinkSync(join(home, '.ssh', 'config'), join(at, 'config')) }, 'path_refused'],
    ['the file, for a second name', (at: string) => { rmSync(join(at, 'config')); linkSync(join(home, '.ssh', 'config'), join(at, 'config')) }, 'path_refused'],
    ['the file, for a folder', (at: string) => { rmSync(join(at, 'config')); mkdirSync(join(at, 'config')) }, 'path_refused'],
    ['the file, for nothing', (at: string) => rmSync(join(at, 'config')), 'path_not_found'],
  ])('%s', async (_what, swap, code) => {
    const at = join(folder, 'sub')
    put(join(at, 'config'), 'harmless')
    // The person takes a while to answer; by then it is something else.
    world.beforeAnswer = () => swap(at)
    world.answers.push({ decision: 'approve', scope: 'task' })
    const got = await read(join(at, 'config')).catch((error: unknown) => error)
    expect(got).toBeInstanceOf(SiloError)
    expect((got as SiloError).code).toBe(code)
  }) // prettier-ignore

  it('also of the places that changes go to', async () => {
    const at = join(folder, 'sub')
    mkdirSync(at)
    const { path } = await world.files().place(join(at, 'authorized_keys'), signal)
    rmSync(at, { recursive: true })
    symlinkSync(join(home, '.ssh'), at)
    expect(await codeOf(world.guard(path))).toMatch(/path_(changed|refused)/)
  })
})

describe('a refused place by another name', () => {
  it('is refused where the person keeps it elsewhere, behind a link', async () => {
    rmSync(join(home, '.ssh'), { recursive: true })
    put(join(home, 'dotfiles', 'ssh', 'config'), 'the config')
    symlinkSync(join(home, 'dotfiles', 'ssh'), join(home, '.ssh'))
    world.allow(join(home, 'dotfiles'))
    expect(await codeOf(read(join(home, 'dotfiles', 'ssh', 'config')))).toBe('path_refused')
    expect(await codeOf(world.files().place(join(home, 'dotfiles', 'ssh', 'new'), signal))).toBe('path_refused') // prettier-ignore
    rmSync(join(home, '.ssh'))
  })

  it('is refused where it is mounted a second time', async (context) => {
    const at = join(folder, 'mounted')
    mkdirSync(at)
    try {
      execFileSync('mount', ['--bind', join(home, '.ssh'), at], { stdio: 'ignore' })
    } catch {
      return context.skip()
    }
    try {
      world.allow(folder)
      expect(await codeOf(read(join(at, 'config')))).toBe('path_refused')
      expect(await codeOf(world.files().list(at, signal))).toBe('path_refused')
    } finally {
      execFileSync('umount', [at])
    }
  })

  it('leaves files with several harmless names alone', async () => {
    world.allow(folder)
    linkSync(join(folder, 'a.txt'), join(folder, 'again.txt'))
    expect(await read(join(folder, 'again.txt'))).toBe('alpha')
  })

  it('is the data folder of Silo, too', async () => {
    const own = put(join(world.home, 'models', 'model.gguf'), 'weights')
    world.allow(folder)
    linkSync(own, join(mkdtempSync(join(tmpdir(), 'silo-link-')), 'x'))
    expect(await codeOf(read(own))).toBe('path_refused')
    linkSync(own, join(folder, 'x'))
    expect(await codeOf(read(join(folder, 'x')))).toBe('path_refused')
  })
})
