import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createGzip } from 'node:zlib'
import { Encrypter } from 'age-encryption'
import { pack } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '#companion/records/database.ts'
import { backup, restore, type BackupRequest } from './backup.ts'

const passphrase = '一句 long enough'
const signal = AbortSignal.timeout(60_000)
let folder: string
let home: string
let path: string
let target: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'silo-backup-'))
  home = join(folder, 'home')
  path = join(folder, 'all.silo')
  target = join(folder, 'restored', 'home')
  for (const name of [
    'models',
    'logs',
    'notes/旅行',
    'vault/texts',
    'vault/index/c/d/chunks.lance/_versions',
    'vault/index/c/d/chunks.lance/data',
    'uploads/.partial',
    'sync',
  ])
    // prettier-ignore
    mkdirSync(join(home, name), { recursive: true })
  const database = openDatabase(join(home, 'silo.db'))
  database.exec("CREATE TABLE t (x TEXT) STRICT; INSERT INTO t VALUES ('said')")
  database.close()
  for (const [name, text] of Object.entries({
    'device-key': 'key',
    'notes/旅行/京都.md': '# 京都',
    'notes/empty.md': '',
    'vault/texts/a.txt': 'text',
    'vault/index/c/d/chunks.lance/_versions/1.manifest': 'manifest',
    'vault/index/c/d/chunks.lance/data/x.lance': 'rows',
    'models/big.gguf': 'weights',
    'logs/silo.log': 'log',
    'uploads/.partial/half': 'half',
    'companion.pid': '1',
    'seal.json': '{}',
    'sync/index.db': 'index',
  }))
    writeFileSync(join(home, name), text)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const request = (change: Partial<BackupRequest> = {}): BackupRequest => ({
  home,
  companionId: 'desk',
  path,
  passphrase,
  index: true,
  open: (_name, bytes) => bytes,
  workFactor: 10,
  ...change,
})
const tree = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
const sum = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
const code = (expected: string) => expect.objectContaining({ code: expected })

describe('backup and restore', () => {
  it('carries everything that cannot be made again, encrypted, and gives it back', async () => {
    const large = randomBytes(17 * 1024 * 1024)
    writeFileSync(join(home, 'uploads', 'film.bin'), large)
    const result = await backup(request({ open: (name, bytes) => (name === 'device-key' ? Buffer.from('opened') : bytes) }), signal) // prettier-ignore
    const bytes = readFileSync(path)
    for (const text of ['京都', 'opened', 'manifest', 'said'])
      expect(bytes.includes(text)).toBe(false)
    expect(readdirSync(folder).sort()).toEqual(['all.silo', 'home'])

    const restored = await restore({ path, passphrase, home: target }, signal)
    expect(restored).toEqual(result)
    expect(tree(target)).toEqual(
      [
        'device-key',
        'notes/empty.md',
        'notes/旅行/京都.md',
        'silo.db',
        'uploads/film.bin',
        'vault/index/c/d/chunks.lance/_versions/1.manifest',
        'vault/index/c/d/chunks.lance/data/x.lance',
        'vault/texts/a.txt',
      ].sort(),
    )
    expect(readFileSync(join(target, 'device-key'), 'utf8')).toBe('opened')
    expect(sum(readFileSync(join(target, 'uploads', 'film.bin')))).toBe(sum(large))
    const database = openDatabase(join(target, 'silo.db'))
    expect(database.prepare('SELECT x FROM t').get()).toEqual({ x: 'said' })
    database.close()
  })

  it('takes what a running companion has committed and not yet written back, without the index if told', async () => {
    const running = openDatabase(join(home, 'silo.db'))
    running.exec("INSERT INTO t VALUES ('just now')")
    await backup(request({ index: false }), signal)
    running.exec("INSERT INTO t VALUES ('later')")
    running.close()
    await restore({ path, passphrase, home: target }, signal)
    const database = openDatabase(join(target, 'silo.db'))
    expect(database.prepare('SELECT x FROM t').all()).toEqual([{ x: 'said' }, { x: 'just now' }])
    database.close()
    expect(existsSync(join(target, 'vault', 'index'))).toBe(false)
  })

  it('keeps the older backup where the new one fails, and leaves nothing half-done', async () => {
    writeFileSync(path, 'older')
    const stopped = new AbortController()
    const work = backup(request(), stopped.signal, (_stage, done) => {
      if (done === 3) stopped.abort(new Error('stopped'))
    })
    await expect(work).rejects.toThrow('stopped')
    expect(readFileSync(path, 'utf8')).toBe('older')
    expect(readdirSync(folder).sort()).toEqual(['all.silo', 'home'])
  })

  it('refuses a wrong passphrase, a changed, cut or foreign file, and a folder in use', async () => {
    await backup(request(), signal)
    await expect(restore({ path, passphrase: 'another one', home: target }, signal)).rejects.toEqual(code('passphrase_wrong')) // prettier-ignore
    const whole = readFileSync(path)
    for (const place of [300, Math.floor(whole.length / 2), whole.length - 20]) {
      const changed = Buffer.from(whole)
      changed[place]! ^= 1
      writeFileSync(path, changed)
      await expect(restore({ path, passphrase, home: target }, signal)).rejects.toEqual(code('backup_damaged')) // prettier-ignore
    }
    writeFileSync(path, whole)
    truncateSync(path, whole.length - 40)
    await expect(restore({ path, passphrase, home: target }, signal)).rejects.toEqual(code('backup_damaged')) // prettier-ignore
    writeFileSync(path, 'a letter to mother')
    await expect(restore({ path, passphrase, home: target }, signal)).rejects.toEqual(code('backup_damaged')) // prettier-ignore
    await expect(restore({ path: join(folder, 'none'), passphrase, home: target }, signal)).rejects.toEqual(code('path_not_found')) // prettier-ignore
    writeFileSync(path, whole)
    await expect(restore({ path, passphrase, home }, signal)).rejects.toEqual(code('home_not_empty')) // prettier-ignore
    expect(existsSync(target)).toBe(false)
    expect(readdirSync(join(folder, 'restored'))).toEqual([])
  })

  it('writes nothing outside the folder, whatever the names in a backup', async () => {
    for (const name of ['../outside', '/etc/outside', 'a/../../outside', 'a//b', 'a\\b', './x']) {
      const tar = pack()
      tar.entry({ name }, 'x')
      tar.entry({ name: 'manifest.json' }, '{}')
      tar.finalize()
      const encrypter = new Encrypter()
      encrypter.setScryptWorkFactor(10)
      encrypter.setPassphrase(passphrase)
      writeFileSync(path, await encrypter.encrypt(new Uint8Array(await buffer(tar.pipe(createGzip()))))) // prettier-ignore
      await expect(restore({ path, passphrase, home: target }, signal), name).rejects.toEqual(code('backup_damaged')) // prettier-ignore
      expect(readdirSync(folder).sort()).toEqual(['all.silo', 'home', 'restored'])
      expect(readdirSync(join(folder, 'restored'))).toEqual([])
    }
  })
})
