import { join } from 'node:path'
import type { Config } from '#companion/config/config.ts'
import { deviceId, deviceKeyPem } from '#companion/config/device-key.ts'
import { finishConversion } from '#companion/seal/encryption.ts'
import { systemKeychain, type Keychain } from '#companion/seal/keychain.ts'
import { openSeal, readEnvelope } from '#companion/seal/seal.ts'
import { SecretFiles } from '#companion/seal/secret-files.ts'

/** What is encrypted at rest, and the key this device is known by. @throws SiloError home_locked, passphrase_wrong */
export async function composeSeal({ home, passphrase }: Config, given?: Keychain) {
  const keychain = given ?? (readEnvelope(home) ? await systemKeychain() : undefined)
  const known = {
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(keychain ? { keychain } : {}),
  }
  await finishConversion(home, known)
  const seal = openSeal(home, known)
  const secrets = new SecretFiles(seal)
  /** PKCS #8 PEM. */
  const deviceKey = deviceKeyPem(secrets.text(join(home, 'device-key')))
  return { seal, secrets, deviceKey, companionId: deviceId(deviceKey) }
}
