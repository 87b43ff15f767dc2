import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { changePassphrase, decryptHome, encryptHome, finishConversion } from './encryption.ts'
import { notePurpose, textPurpose } from './home-conversion.ts'
import { normalRecoveryCode } from './key-envelope.ts'
import type { Keychain } from './keychain.ts'
import { isSealed } from './sealed-bytes.ts'
import { envelopePath, openSeal, readEnvelope, Seal } from './seal.ts'
import { SecretFiles } from './secret-files.ts'

const passphrase = '正确的 horse battery'
const signal = new AbortController().signal
const documentId = 'a'.repeat(32)
let home: string

function memoryKeychain(): Keychain & { entries: Map<string, string> } {
  const entries = new Map<string, string>()
  return {
    entries,
    read: (account) => entries.get(account),
    write: (account, secret) => void entries.set(account, secret),
    remove: (account) => void entries.delete(account),
  }
}

const files = {
  'device-key': 'the key of this device',
  'lan/ca-key.pem': 'the key of the authority',
  [`vault/texts/${documentId}.txt`]: 'what the contract says',
  'notes/2026/plan.md': '# Plan\nwith B',
}
const at = (name: string) => join(home, name)

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'silo-seal-'))
  for (const folder of ['lan', 'vault/texts', 'notes/2026', 'models'])
    mkdirSync(at(folder), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text)
  writeFileSync(at('models/model.gguf'), 'weights')
  writeFileSync(at('token'), 'token')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const refused = (work: Promise<unknown>, code: string) =>
  expect(work).rejects.toMatchObject({ code })

const anywhere = (text: string) =>
  Object.keys(files).some((name) => readFileSync(at(name)).includes(text))

describe('encryption at rest', () => {
  it('leaves nothing of secrets, texts and notes readable, and gives all of it back', async () => {
    const when = new Date('2026-03-01T10:00:00Z')
    utimesSync(at('notes/2026/plan.md'), when, when)
    const { recoveryCode, method } = await encryptHome(home, { passphrase, notes: true }, signal)
    expect(method).toBe('passphrase')
    for (const [name, text] of Object.entries(files)) {
      expect(isSealed(readFileSync(at(name))), name).toBe(true)
      expect(anywhere(text)).toBe(false)
    }
    expect(statSync(at('notes/2026/plan.md')).mtimeMs).toBe(when.getTime())
    expect(readFileSync(at('models/model.gguf'), 'utf8')).toBe('weights')
    expect(readFileSync(envelopePath(home), 'utf8')).not.toContain(normalRecoveryCode(recoveryCode))

    const seal = openSeal(home, { passphrase })
    expect(new SecretFiles(seal).read(at('device-key'))).toBe('the key of this device')
    const opened = (name: string, purpose: string) =>
      Buffer.from(seal.open(readFileSync(at(name)), purpose)).toString()
    expect(opened(`vault/texts/${documentId}.txt`, textPurpose(documentId))).toBe('what the contract says') // prettier-ignore
    expect(opened('notes/2026/plan.md', notePurpose)).toBe('# Plan\nwith B')

    await decryptHome(home, { passphrase }, signal)
    for (const [name, text] of Object.entries(files))
      expect(readFileSync(at(name), 'utf8')).toBe(text)
    expect(existsSync(envelopePath(home))).toBe(false)
    expect(openSeal(home, {}).on).toBe(false)
  })

  it('opens by recovery code however it is typed, and takes a new passphrase', async () => {
    const { recoveryCode } = await encryptHome(home, { passphrase, notes: false }, signal)
    const typed = recoveryCode.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o')
    expect(openSeal(home, { recoveryCode: typed }).on).toBe(true)
    changePassphrase(home, { recoveryCode }, 'another passphrase')
    expect(() => openSeal(home, { passphrase })).toThrow(expect.objectContaining({ code: 'passphrase_wrong' })) // prettier-ignore
    const secrets = new SecretFiles(openSeal(home, { passphrase: 'another passphrase' }))
    expect(secrets.read(at('device-key'))).toBe('the key of this device')
    expect(readFileSync(at('notes/2026/plan.md'), 'utf8')).toBe('# Plan\nwith B')
  })

  it('keeps the key in the keychain where there is one, and says so where it is gone', async () => {
    const keychain = memoryKeychain()
    await encryptHome(home, { keychain, notes: true }, signal)
    expect(openSeal(home, { keychain }).on).toBe(true)
    const [account] = keychain.entries.keys()
    expect(readFileSync(envelopePath(home), 'utf8')).not.toContain(keychain.entries.get(account!))
    keychain.entries.clear()
    expect(() => openSeal(home, { keychain })).toThrow(expect.objectContaining({ code: 'home_locked' })) // prettier-ignore
    expect(() => openSeal(home, {})).toThrow(expect.objectContaining({ code: 'home_locked' }))
  })

  it('refuses a short passphrase, a system without a keychain, and a second encryption', async () => {
    await refused(encryptHome(home, { passphrase: 'short', notes: true }, signal), 'passphrase_short') // prettier-ignore
    await refused(encryptHome(home, { notes: true }, signal), 'keychain_missing')
    const forgetful = { ...memoryKeychain(), read: () => undefined }
    await refused(encryptHome(home, { keychain: forgetful, notes: true }, signal), 'keychain_missing') // prettier-ignore
    expect(readEnvelope(home)).toBeUndefined()
    await encryptHome(home, { passphrase, notes: true }, signal)
    await refused(encryptHome(home, { passphrase, notes: true }, signal), 'conflict')
  })

  it('goes on where a killed conversion stopped, in both directions', async () => {
    for (const direction of ['seal', 'open'] as const) {
      const stopped = new AbortController()
      const stop = (done: number) => done === 2 && stopped.abort(new Error('killed'))
      const work =
        direction === 'seal'
          ? encryptHome(home, { passphrase, notes: true }, stopped.signal, stop)
          : decryptHome(home, { passphrase }, stopped.signal, stop)
      await expect(work).rejects.toThrow('killed')
      expect(readEnvelope(home)?.pending).toBe(direction)
      // Both forms are read meanwhile.
      const secrets = new SecretFiles(openSeal(home, { passphrase }))
      expect(secrets.read(at('device-key'))).toBe('the key of this device')
      await finishConversion(home, { passphrase })
      const sealed = Object.keys(files).filter((name) => isSealed(readFileSync(at(name))))
      expect(sealed.length).toBe(direction === 'seal' ? Object.keys(files).length : 0)
    }
  })

  it('notices changed, swapped and cut files, and a broken envelope', async () => {
    await encryptHome(home, { passphrase, notes: true }, signal)
    const seal = openSeal(home, { passphrase })
    const damaged = (bytes: Uint8Array, purpose: string) =>
      expect(() => seal.open(bytes, purpose)).toThrow(expect.objectContaining({ code: 'seal_damaged' })) // prettier-ignore
    const bytes = readFileSync(at('device-key'))
    damaged(bytes, 'secret:push-key')
    damaged(bytes.subarray(0, -1), 'secret:device-key')
    for (const place of [15, 30, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[place]! ^= 1
      damaged(changed, 'secret:device-key')
    }
    expect(() => new Seal().open(bytes, 'secret:device-key')).toThrow(expect.objectContaining({ code: 'home_locked' })) // prettier-ignore
    for (const text of ['', '{}', 'null', '{"version":2}']) {
      writeFileSync(envelopePath(home), text)
      expect(() => openSeal(home, { passphrase })).toThrow(expect.objectContaining({ code: 'seal_damaged' })) // prettier-ignore
    }
  })
})
