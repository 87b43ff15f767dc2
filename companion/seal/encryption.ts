import { randomUUID } from 'node:crypto'
import { SiloError } from '#shared/errors/silo-error.ts'
import { minPassphraseLength } from '#shared/protocol/safety.ts'
import { convertHome } from './home-conversion.ts'
import { newDataKey, newRecoveryCode, normalRecoveryCode, openEnvelope, wrapKey, type Envelope, type Secrets } from './key-envelope.ts' // prettier-ignore
import type { Keychain } from './keychain.ts'
import { readEnvelope, writeEnvelope } from './seal.ts'

/**
 * Encrypts a data folder nobody uses now. The key lies in the keychain, or under the passphrase, or both.
 * @returns the recovery code, which is stored nowhere
 * @throws SiloError conflict (encrypted already), passphrase_short, keychain_missing
 */
export async function encryptHome(
  home: string,
  options: { passphrase?: string; keychain?: Keychain; notes: boolean },
  signal: AbortSignal,
  onProgress?: (done: number) => void,
): Promise<{ recoveryCode: string; files: number; method: Envelope['method'] }> {
  if (readEnvelope(home)) throw new SiloError('conflict', { params: { detail: 'encrypted already' } }) // prettier-ignore
  const { passphrase, keychain, notes } = options
  if (passphrase !== undefined && passphrase.length < minPassphraseLength)
    throw new SiloError('passphrase_short', { params: { limit: minPassphraseLength } })
  if (passphrase === undefined && !keychain) throw new SiloError('keychain_missing')
  const key = newDataKey()
  const recoveryCode = newRecoveryCode()
  const account = `data-key-${randomUUID()}`
  if (passphrase === undefined && keychain) {
    const secret = key.toString('base64')
    keychain.write(account, secret)
    // A store that forgets would lose everything.
    if (keychain.read(account) !== secret) throw new SiloError('keychain_missing')
  }
  const envelope: Envelope = {
    version: 1,
    method: passphrase === undefined ? 'keychain' : 'passphrase',
    account,
    ...(passphrase === undefined ? {} : { passphrase: wrapKey(key, passphrase.normalize('NFC')) }),
    recovery: wrapKey(key, normalRecoveryCode(recoveryCode)),
    notes,
    pending: 'seal',
  }
  writeEnvelope(home, envelope)
  const files = await convertHome(home, envelope, key, signal, onProgress)
  return { recoveryCode, files, method: envelope.method }
}

/** Takes the encryption off. @throws SiloError home_locked, passphrase_wrong, conflict (not encrypted) */
export async function decryptHome(
  home: string,
  secrets: Secrets,
  signal: AbortSignal,
  onProgress?: (done: number) => void,
): Promise<number> {
  const envelope = readEnvelope(home)
  if (!envelope) throw new SiloError('conflict', { params: { detail: 'not encrypted' } })
  const key = openEnvelope(envelope, secrets)
  const opening: Envelope = { ...envelope, pending: 'open' }
  writeEnvelope(home, opening)
  const files = await convertHome(home, opening, key, signal, onProgress)
  forget(secrets.keychain, envelope)
  return files
}

/** Another passphrase, e.g. with the recovery code after the old one was forgotten. @throws as decryptHome; passphrase_short */
export function changePassphrase(home: string, secrets: Secrets, passphrase: string): void {
  const envelope = readEnvelope(home)
  if (!envelope) throw new SiloError('conflict', { params: { detail: 'not encrypted' } })
  if (passphrase.length < minPassphraseLength)
    throw new SiloError('passphrase_short', { params: { limit: minPassphraseLength } })
  const key = openEnvelope(envelope, secrets)
  const wrapped = wrapKey(key, passphrase.normalize('NFC'))
  writeEnvelope(home, { ...envelope, method: 'passphrase', passphrase: wrapped })
  forget(secrets.keychain, envelope)
}

/** Finishes what a killed process left half done. */
export async function finishConversion(home: string, secrets: Secrets): Promise<void> {
  const envelope = readEnvelope(home)
  if (!envelope?.pending) return
  await convertHome(home, envelope, openEnvelope(envelope, secrets), AbortSignal.timeout(600_000))
}

function forget(keychain: Keychain | undefined, { method, account }: Envelope): void {
  if (method !== 'keychain') return
  try {
    keychain?.remove(account)
  } catch {
    // An entry that stays opens nothing any more.
  }
}
