import { resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { backup as writeBackup, restore as readBackup } from '#companion/backup/backup.ts'
import { deviceId, deviceKeyPem } from '#companion/config/device-key.ts'
import { lockHome } from '#companion/config/home-lock.ts'
import { ReplicaEpoch } from '#companion/replica/epoch.ts'
import { purposeOf } from '#companion/seal/home-conversion.ts'
import { systemKeychain } from '#companion/seal/keychain.ts'
import { openSeal, readEnvelope, type Seal } from '#companion/seal/seal.ts'
import { SecretFiles } from '#companion/seal/secret-files.ts'
import { formatBytes } from '#shared/domain/byte-size.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { minPassphraseLength } from '#shared/protocol/safety.ts'
import { required, textOption, type Invocation } from './command.ts'
import { ask, newPassphrase, passphraseIn } from './encrypt.ts'
import { untilStopped } from './watch.ts'

/** `silo backup FILE`: everything but models and logs, encrypted, written and compared. The companion may run. */
export async function backup(invocation: Invocation): Promise<void> {
  const { terminal, config, values } = invocation
  const path = resolve(required(invocation, 0, 'path'))
  const passphrase = await newPassphrase(invocation)
  if (passphrase.length < minPassphraseLength)
    throw new SiloError('passphrase_short', { params: { limit: minPassphraseLength } })
  const seal = await sealOf(invocation)
  const key = new SecretFiles(seal).text(resolve(config.home, 'device-key'))
  const result = await untilStopped((signal) =>
    writeBackup(
      {
        home: config.home,
        companionId: deviceId(deviceKeyPem(key)),
        path,
        passphrase,
        index: values['no-index'] !== true,
        open: (name, bytes) => seal.open(bytes, purposeOf(name) ?? ''),
      },
      signal,
      (stage, done, total) =>
        terminal.progress({ type: 'progress', stage, done, unit: 'files', ...(total === undefined ? {} : { total }) }), // prettier-ignore
    ),
  )
  if (terminal.json) return terminal.document({ path, ...result })
  terminal.line(terminal.text('backup_done', { files: result.files, bytes: formatBytes(result.bytes), path })) // prettier-ignore
}

/** `silo restore FILE`: into a data folder that is new or empty. */
export async function restore(invocation: Invocation): Promise<void> {
  const { terminal, config } = invocation
  const path = resolve(required(invocation, 0, 'path'))
  const file = textOption(invocation, 'passphrase-file')
  const passphrase = file ? passphraseIn(file) : await ask(terminal, 'ask_passphrase')
  const result = await untilStopped((signal) =>
    readBackup({ path, passphrase, home: config.home, settle: forgetCopies }, signal, (done) =>
      terminal.progress({ type: 'progress', stage: 'restoring', done, unit: 'files' }),
    ),
  )
  // Nobody may have started on it meanwhile, and it has to be usable.
  lockHome(config.home).release()
  if (terminal.json) return terminal.document({ home: config.home, ...result })
  terminal.line(terminal.text('restore_done', { files: result.files, bytes: formatBytes(result.bytes), path: config.home })) // prettier-ignore
  terminal.note(terminal.text('restore_same_device'))
}

/** Copies on phones may hold changes that the backup does not know: they begin anew. */
function forgetCopies(database: DatabaseSync): void {
  new ReplicaEpoch(database).forget()
}

async function sealOf({ terminal, config }: Invocation): Promise<Seal> {
  const envelope = readEnvelope(config.home)
  const keychain = envelope?.method === 'keychain' ? await systemKeychain() : undefined
  const passphrase = config.passphrase ?? (envelope?.method === 'passphrase' ? await ask(terminal, 'ask_passphrase') : undefined) // prettier-ignore
  return openSeal(config.home, {
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(keychain ? { keychain } : {}),
  })
}
