import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { lockHome } from '#companion/config/home-lock.ts'
import { changePassphrase, decryptHome, encryptHome } from '#companion/seal/encryption.ts'
import { systemKeychain, type Keychain } from '#companion/seal/keychain.ts'
import type { Secrets } from '#companion/seal/key-envelope.ts'
import { readEnvelope } from '#companion/seal/seal.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { askHidden, canAsk } from '../hidden-input.ts'
import { textOption, type Invocation } from './command.ts'
import type { Terminal } from './terminal.ts'

/**
 * `silo encrypt status | on [--passphrase] [--no-notes] | off | passphrase [--recover]`: encryption of the data
 * folder at rest. All but `status` need the companion to be stopped.
 */
export async function encrypt(invocation: Invocation): Promise<void> {
  const { terminal, config, positionals } = invocation
  const action = positionals[0] ?? 'status'
  const work = actions[action]
  if (!work) {
    const detail = terminal.text('unknown_command', { command: `encrypt ${action}` })
    throw new SiloError('bad_request', { params: { detail } })
  }
  if (action === 'status') return work(invocation)
  const lock = lockHome(config.home)
  try {
    await work(invocation)
  } finally {
    lock.release()
  }
}

const actions: Record<string, (call: Invocation) => void | Promise<void>> = {
  status({ terminal, config }) {
    const envelope = readEnvelope(config.home)
    const state = {
      encrypted: envelope !== undefined,
      ...(envelope ? { method: envelope.method, notes: envelope.notes } : {}),
    }
    if (terminal.json) return terminal.document(state)
    if (!envelope) return terminal.line(terminal.text('encrypt_off'))
    terminal.line(terminal.text(envelope.method === 'keychain' ? 'encrypt_keychain' : 'encrypt_passphrase')) // prettier-ignore
    terminal.line(terminal.text(envelope.notes ? 'encrypt_notes' : 'encrypt_no_notes'))
  },
  async on(invocation) {
    const { terminal, config, values } = invocation
    const keychain = values.passphrase ? undefined : await systemKeychain()
    if (!keychain && !values.passphrase) terminal.note(terminal.text('encrypt_no_keychain'))
    const passphrase = keychain ? undefined : await newPassphrase(invocation)
    const { recoveryCode, files, method } = await encryptHome(
      config.home,
      {
        ...(passphrase === undefined ? {} : { passphrase }),
        ...(keychain ? { keychain } : {}),
        notes: values['no-notes'] !== true,
      },
      AbortSignal.timeout(3600_000),
      (done) => terminal.progress({ type: 'progress', stage: 'encrypting', done, unit: 'files' }),
    )
    if (terminal.json) return terminal.document({ encrypted: true, method, files, recoveryCode })
    terminal.line(terminal.text('encrypt_done', { files }))
    terminal.line(terminal.text('encrypt_recovery', { code: recoveryCode }))
    terminal.note(terminal.text('encrypt_scope'))
  },
  async off(invocation) {
    const { terminal, config } = invocation
    const files = await decryptHome(
      config.home,
      await currentSecrets(invocation),
      AbortSignal.timeout(3600_000),
    )
    if (terminal.json) return terminal.document({ encrypted: false, files })
    terminal.line(terminal.text('decrypt_done', { files }))
  },
  async passphrase(invocation) {
    const { terminal, config, values } = invocation
    const secrets = values.recover
      ? { recoveryCode: await ask(terminal, 'ask_recovery') }
      : await currentSecrets(invocation)
    changePassphrase(config.home, secrets, await newPassphrase(invocation))
    if (terminal.json) return terminal.document({ changed: true })
    terminal.line(terminal.text('passphrase_changed'))
  },
}

async function currentSecrets({ terminal, config }: Invocation): Promise<Secrets> {
  const envelope = readEnvelope(config.home)
  const keychain: Keychain | undefined =
    envelope?.method === 'keychain' ? await systemKeychain() : undefined
  if (keychain) return { keychain }
  const passphrase =
    config.passphrase ?? (envelope ? await ask(terminal, 'ask_passphrase') : undefined)
  return passphrase === undefined ? {} : { passphrase }
}

/** From `--new-passphrase-file`, or asked twice. @throws SiloError bad_request */
export async function newPassphrase(invocation: Invocation): Promise<string> {
  const { terminal } = invocation
  const path = textOption(invocation, 'new-passphrase-file')
  if (path) return passphraseIn(path)
  const first = await ask(terminal, 'ask_new_passphrase')
  if (first === (await ask(terminal, 'ask_again'))) return first
  throw new SiloError('bad_request', { params: { detail: terminal.text('not_the_same') } })
}

/** The first line of a file, as it is. @throws SiloError path_not_found */
export function passphraseIn(path: string): string {
  try {
    return readFileSync(resolve(path), 'utf8').replace(/\r?\n[\s\S]*$/, '')
  } catch (cause) {
    throw new SiloError('path_not_found', { params: { path }, cause })
  }
}

export async function ask(
  terminal: Terminal,
  question: 'ask_passphrase' | 'ask_new_passphrase' | 'ask_again' | 'ask_recovery',
): Promise<string> {
  const answer = canAsk() ? await askHidden(`${terminal.text(question)} `) : undefined
  if (answer) return answer
  throw new SiloError('home_locked')
}
