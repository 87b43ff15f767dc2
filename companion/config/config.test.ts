import { fork, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '#companion/records/database.ts'
import { loadConfig, defaultHome } from './config.ts'
import { SecretFiles } from '#companion/seal/secret-files.ts'
import { Seal } from '#companion/seal/seal.ts'
import { deviceId, deviceKeyPem } from './device-key.ts'
import { lockHome } from './home-lock.ts'
import { KeyStore } from './key-store.ts'
import { startToken } from './secret-file.ts'
import { SettingsStore } from './settings-store.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'silo-config-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

describe('configuration', () => {
  it('has defaults, takes the file over them and the environment over the file', () => {
    expect(loadConfig({ SILO_HOME: home })).toEqual({
      home,
      port: 7450,
      host: '127.0.0.1',
      logLevel: 'info',
      offline: false,
      allowedHosts: [],
    })
    writeFileSync(join(home, 'config.json'), '{"port": 8000, "threads": 2}')
    const env = { SILO_HOME: home, SILO_PORT: '9000', SILO_OFFLINE: '1', SILO_LAN: '1', SILO_LAN_PORT: '8443', SILO_ALLOWED_HOSTS: 'a.lan, B.lan:80' } // prettier-ignore
    expect(loadConfig(env)).toMatchObject({
      port: 9000,
      threads: 2,
      offline: true,
      lan: true,
      lanPort: 8443,
      allowedHosts: ['a.lan', 'b.lan:80'],
    })
  })

  it.each([
    [{ SILO_PORT: '70000' }, 'SILO_PORT'],
    [{ SILO_PORT: 'x' }, 'SILO_PORT'],
    [{ SILO_LOG_LEVEL: 'loud' }, 'SILO_LOG_LEVEL'],
    [{ SILO_HF_ENDPOINT: 'ftp://x' }, 'SILO_HF_ENDPOINT'],
    [{ SILO_THREADS: '0' }, 'SILO_THREADS'],
    [{ SILO_OFFLINE: 'perhaps' }, 'SILO_OFFLINE'],
    [{ SILO_ALLOWED_HOSTS: 'a b' }, 'SILO_ALLOWED_HOSTS'],
    [{ SILO_LAN: 'maybe' }, 'SILO_LAN'],
    [{ SILO_RERANKER: 'ranking.gguf' }, 'SILO_RERANKER'],
    [{ SILO_LAN_PORT: '65533' }, 'SILO_LAN_PORT'],
  ])('names the variable at fault: %o', (env, field) => {
    expect(() => loadConfig({ SILO_HOME: home, ...env })).toThrow(
      expect.objectContaining({ code: 'config_invalid', field }),
    )
  })

  it.each(['{', '[]', '{"port": "7450"}', '{"prot": 1}'])('refuses a wrong file: %s', (text) => {
    writeFileSync(join(home, 'config.json'), text)
    expect(() => loadConfig({ SILO_HOME: home })).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    )
  })

  it('knows the data folder of each system', () => {
    expect(defaultHome({ XDG_DATA_HOME: '/x' }, 'linux')).toBe('/x/silo')
    expect(defaultHome({}, 'darwin')).toMatch(/Application Support\/silo$/)
  })
})

describe('the lock of a home', () => {
  it('keeps a second companion out, in this process and in another, and goes with its owner', async () => {
    const lock = lockHome(home)
    expect(() => lockHome(home)).toThrow(
      expect.objectContaining({ code: 'home_in_use', params: { pid: String(process.pid) } }),
    )
    lock.release()
    expect(existsSync(join(home, 'companion.pid'))).toBe(false)

    const script = join(home, 'holder.ts')
    const module = JSON.stringify(new URL('./home-lock.ts', import.meta.url).href)
    writeFileSync(script, `import { lockHome } from ${module}\nglobalThis.lock = lockHome(${JSON.stringify(home)})\nprocess.send('held')\nprocess.on('disconnect', () => process.exit())\nsetTimeout(() => process.exit(), 60_000)\n`) // prettier-ignore
    const child: ChildProcess = fork(script, { execArgv: [] })
    await new Promise((resolve) => child.once('message', resolve))
    expect(() => lockHome(home)).toThrow(
      expect.objectContaining({ code: 'home_in_use', params: { pid: String(child.pid) } }),
    )
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    lockHome(home).release()
  })
})

describe('secrets and settings', () => {
  it('keeps the token and the device key over starts, readable by the owner only', () => {
    const token = startToken(home)
    expect(startToken(home)).toBe(token)
    expect(token).toMatch(/^[\w-]{43}$/)
    const key = new SecretFiles(new Seal()).text(join(home, 'device-key'))
    const id = deviceId(deviceKeyPem(key))
    expect(deviceId(deviceKeyPem(key))).toBe(id)
    expect(id).toMatch(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/)
    for (const name of ['token', 'device-key'])
      expect(statSync(join(home, name)).mode & 0o777).toBe(0o600)
    writeFileSync(join(home, 'token'), 'broken')
    expect(startToken(home)).not.toBe(token)
  })

  it('stores keys hashed', () => {
    const path = join(home, 'silo.db')
    const database = openDatabase(path)
    const keys = new KeyStore(database)
    const { key, secret } = keys.create('cli')
    expect(keys.verify(secret)).toMatchObject({ id: key.id })
    expect(keys.verify(`${secret}x`)).toBeUndefined()
    expect(keys.list()).toMatchObject([{ name: 'cli', prefix: secret.slice(0, 14) }])
    expect(keys.list()[0]?.usedAt).toBeTypeOf('number')
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    expect(readFileSync(path).includes(secret)).toBe(false)
    keys.remove(key.id)
    expect(() => keys.remove(key.id)).toThrow(expect.objectContaining({ code: 'key_unknown' }))
    database.close()
  })

  it('keeps settings, and survives a value that an older version left behind', () => {
    const database = openDatabase(':memory:')
    const settings = new SettingsStore(database)
    settings.patch({ temperature: 1, chatModelId: 'm' })
    database.exec(`UPDATE settings SET value = '"hot"' WHERE key = 'temperature'`)
    database.exec(`INSERT INTO settings VALUES ('gone', '1')`)
    expect(new SettingsStore(database).get()).toMatchObject({ temperature: 0.4, chatModelId: 'm' })
    expect(settings.patch({ chatModelId: undefined }).chatModelId).toBeUndefined()
  })
})
