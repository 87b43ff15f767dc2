/** The operating system's store for secrets, as far as the seal needs it. */
export interface Keychain {
  /** Undefined where there is no such entry. @throws where the store cannot be reached */
  read(account: string): string | undefined
  /** @throws where the store cannot be reached or refuses */
  write(account: string, secret: string): void
  remove(account: string): void
}

const service = 'Silo'

/**
 * The keychain of this system, or undefined where there is none that outlives a restart. On Linux only a Secret
 * Service counts: the kernel's own keyring is empty after a reboot, and with it the data would be lost.
 */
export async function systemKeychain(): Promise<Keychain | undefined> {
  try {
    const { Entry } = await import('@napi-rs/keyring')
    const entry = (account: string) =>
      process.platform === 'linux'
        ? new Entry(service, account, { linux: { store: 'secret-service' } })
        : new Entry(service, account)
    // A look at an entry that is not there tells whether the store answers.
    entry('probe').getPassword()
    return {
      read: (account) => entry(account).getPassword() ?? undefined,
      write: (account, secret) => entry(account).setPassword(secret),
      remove: (account) => void entry(account).deletePassword(),
    }
  } catch {
    return undefined
  }
}
