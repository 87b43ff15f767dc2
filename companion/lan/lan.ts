import type { Log } from '#companion/observe/log.ts'
import { newId } from '#shared/domain/ids.ts'
import { toSiloError, toWire, type WireError } from '#shared/errors/silo-error.ts'
import type { Lan as LanState } from '#shared/protocol/lan.ts'
import { createInstallSite } from './install-site.ts'
import { isLanAddress, type AddressWatch } from './interfaces.ts'
import { LanServer, type LanServerOptions } from './lan-server.ts'
import { LocalCa, type LocalCaOptions, type ServerCertificate } from './local-ca.ts'
import { Names } from './names.ts'

export interface LanOptions {
  /** Where the authority's key and certificate lie. */
  readonly folder: string
  /** This machine's name, as a person knows it; the first label of it becomes a name in `.local`. */
  readonly deviceName: string
  /** Gives the name that no other device has. */
  readonly deviceId: string
  readonly port: number
  /** False: may never be turned on. */
  readonly allowed: boolean
  readonly app: LanServerOptions['app']
  readonly secrets: LocalCaOptions['secrets']
  readonly addresses: AddressWatch
  readonly log: Log
  readonly onChange: () => void
  /** Port and pace of multicast DNS, in tests. */
  readonly multicast?: { port?: number; pace?: number }
}

interface Running {
  readonly ca: LocalCa
  readonly server: LanServer
  certificate: ServerCertificate
}

const sharedName = 'silo.local'
/** How often a certificate is looked at, ms. */
const renewalCheckMs = 6 * 3600 * 1000

/** `silo-` and the last six characters of the device's id, in lower case. */
export function ownName(deviceId: string): string {
  return `silo-${deviceId.slice(-6).toLowerCase()}.local`
}

/**
 * The local network's side of the companion: the app over HTTPS under its own authority, the page that explains the
 * certificate, and the names other devices resolve. Turned on and off at run time; follows the machine's addresses.
 */
export class Lan implements AsyncDisposable {
  readonly #options: LanOptions
  readonly #names: { readonly all: readonly string[]; readonly host: string | undefined }
  readonly #stopWatching: () => void
  readonly #timer: NodeJS.Timeout
  #running: Running | undefined
  #responder: Names | undefined
  #state: LanState['state'] = 'off'
  #error: WireError | undefined
  #isLinkOn = false
  /** One thing after the other: a switch is pressed faster than ports open. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(options: LanOptions) {
    this.#options = options
    this.#names = {
      all: [ownName(options.deviceId), sharedName],
      host: hostNameOf(options.deviceName),
    }
    this.#stopWatching = options.addresses.onAddressesChanged((addresses) => {
      void this.#responder?.setAddresses(addresses)
      this.#refresh()
    })
    this.#timer = setInterval(() => this.#refresh(), renewalCheckMs)
    this.#timer.unref()
  }

  state(): LanState {
    const running = this.#running
    const installPort = running?.server.installPort
    const hosts = [...this.#addresses(), ...this.#claimed()]
    return {
      state: this.#state,
      allowed: this.#options.allowed,
      appUrls: this.appUrls(),
      installUrls: installPort === undefined ? [] : hosts.map((host) => `http://${host}:${installPort}/`), // prettier-ignore
      names: [...this.#claimed()],
      ...(running
        ? { authority: { name: this.#authority, fingerprint: running.ca.fingerprint } }
        : {}),
      ...(this.#error ? { error: this.#error } : {}),
    }
  }

  /** The app's addresses over HTTPS, none while it is off: by address first, since these always work. */
  appUrls(): string[] {
    const port = this.#running?.server.port
    if (port === undefined) return []
    return [...this.#addresses(), ...this.#claimed()].map((host) => `https://${host}:${port}`)
  }

  /** Resolves when it is so; what went wrong is in `state()`. */
  set(on: boolean): Promise<LanState> {
    return this.#next(async () => {
      if (on && !this.#running) await this.#start()
      if (!on) await this.#stop()
      return this.state()
    })
  }

  /** Names are answered for while the app is served or the link is on. */
  setLink(on: boolean): Promise<void> {
    return this.#next(async () => {
      this.#isLinkOn = on
      await this.#answerNames()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWatching()
    clearInterval(this.#timer)
    await this.#next(async () => {
      this.#isLinkOn = false
      await this.#stop()
    })
  }

  async #start(): Promise<void> {
    const { folder, secrets, port, app, log } = this.#options
    this.#set('starting')
    try {
      const ca = await LocalCa.open({ folder, secrets, name: this.#authority })
      const certificate = await ca.issue(...this.#hosts())
      let server: LanServer | undefined = undefined
      const accepts = (host: string): boolean => this.#hosts().some((list) => list.includes(host))
      server = await LanServer.listen({
        app,
        port,
        accepts,
        certificate,
        install: createInstallSite({
          ca,
          authority: this.#authority,
          accepts,
          port: () => server!.installPort,
          stableName: () => this.#claimed()[0],
        }),
      })
      this.#running = { ca, server, certificate }
      log.info('local network on', { port: server.port, installPort: server.installPort })
    } catch (error) {
      const known = toSiloError(error, newId())
      log.warn('local network failed', { error })
      this.#set('failed', toWire(known))
      return
    }
    await this.#answerNames()
    this.#set('on')
    this.#refresh()
  }

  async #stop(): Promise<void> {
    const server = this.#running?.server
    this.#running = undefined
    await this.#answerNames()
    await server?.close()
    this.#set('off')
  }

  async #answerNames(): Promise<void> {
    const wanted = this.#running !== undefined || this.#isLinkOn
    if (wanted === (this.#responder !== undefined)) return
    if (!wanted) {
      const responder = this.#responder
      this.#responder = undefined
      await responder?.[Symbol.asyncDispose]()
      return
    }
    const { addresses, log, multicast } = this.#options
    this.#responder = new Names({
      names: this.#names.all,
      addresses: addresses.addresses,
      warn: (message, detail) => log.warn(message, detail),
      ...multicast,
    })
    this.#responder.onChange(() => this.#refresh())
  }

  /** Gives the certificate the names and addresses there are now, and a new one in time. */
  #refresh(): void {
    if (!this.#running && !this.#responder) return
    void this.#next(async () => {
      const running = this.#running
      if (running) {
        const { names, addresses, renewAt } = running.certificate
        const [nextNames, nextAddresses] = this.#hosts()
        const isSame = names.join() === nextNames.join() && addresses.join() === nextAddresses.join() // prettier-ignore
        if (!isSame || Date.now() > renewAt) {
          running.certificate = await running.ca.issue(nextNames, nextAddresses)
          running.server.setCertificate(running.certificate)
        }
      }
      this.#options.onChange()
    }).catch((error: unknown) => this.#options.log.error('no new certificate', { error }))
  }

  get #authority(): string {
    return `Silo local CA (${this.#options.deviceName})`
  }

  #addresses(): string[] {
    return this.#options.addresses.addresses.map(({ address }) => address).filter(isLanAddress)
  }

  #claimed(): readonly string[] {
    return this.#responder?.claimed ?? []
  }

  /** What the certificate is for and what requests may be for: nothing else is ours. */
  #hosts(): [names: string[], addresses: string[]] {
    const host = this.#names.host === undefined ? [] : [this.#names.host]
    // In the order wished for, so that the same names are the same certificate whichever was claimed first.
    const claimed = new Set(this.#claimed())
    const own = this.#names.all.filter((name, index) => index === 0 || claimed.has(name))
    const names = new Set([...own, ...host, 'localhost'])
    return [[...names], [...new Set([...this.#addresses(), '127.0.0.1'])]]
  }

  #set(state: LanState['state'], error?: WireError): void {
    this.#state = state
    this.#error = error
    this.#options.onChange()
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work)
    this.#queue = result.catch(() => {})
    return result
  }
}

/** `Desk-7.fritz.box` → `desk-7.local`, which most systems answer for themselves; undefined where it is no name. */
function hostNameOf(deviceName: string): string | undefined {
  const label = deviceName.split('.')[0]!.toLowerCase()
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label) && label !== 'localhost'
    ? `${label}.local`
    : undefined
}
