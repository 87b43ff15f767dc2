import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '#companion/observe/log.ts'
import { Sidecar } from '#companion/process/sidecar.ts'
import type { SidecarCommand } from '#companion/process/sidecar-command.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { abortable } from '#shared/generation/abortable.ts'
import { askJson, askText, type ServerAddress } from './http.ts'
import type { ServerHost } from './server-model.ts'

export interface ServerProcessInit {
  readonly name: string
  readonly model: string
  readonly log: Log
  /** How it is started on a port of this machine. */
  readonly command: (port: number) => SidecarCommand
  readonly key?: string
  /** Where it is heard, when it listens at no port of this machine. */
  readonly socketPath?: string
  /** Answers in JSON once the model is loaded. */
  readonly healthPath: string
  /** Sent there; then any answer will do. */
  readonly healthBody?: unknown
  /** Loading takes less, ms. */
  readonly loadLimit?: number
  /** The registered error for what it wrote before it ended; undefined: unknown. */
  readonly loadFailure: (output: string) => SiloError | undefined
  readonly onState: (state: 'loading' | 'ready' | 'restarting' | 'failed') => void
}

/** Loading may read many gigabytes from a slow disk, ms. */
const usualLoadLimit = 10 * 60_000
const healthEvery = 100
const healthLimit = 5000
/** Another program may take the port between its choice and its use. */
const portTries = 3
const portTaken = /address already in use|couldn't bind|EADDRINUSE/i
/** Restarts without being asked within `restartWindow` ms; beyond that the next call restarts. */
const eagerRestarts = 3
const restartWindow = 60_000

/** A server process on loopback, which is started again when it dies. */
export class ServerProcess implements ServerHost {
  readonly #init: ServerProcessInit
  #running: Promise<ServerAddress> | undefined
  #sidecar: Sidecar | undefined
  #wasUp = false
  #disposed = false
  #crashes: number[] = []

  constructor(init: ServerProcessInit) {
    this.#init = init
  }

  /** Of the server, for tests and `silo doctor`. */
  get pid(): number | undefined {
    return this.#sidecar?.pid
  }

  async address(signal: AbortSignal): Promise<ServerAddress> {
    signal.throwIfAborted()
    if (this.#disposed) throw new SiloError('engine_crashed')
    return abortable(this.#ensure(), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#sidecar?.close()
  }

  #ensure(): Promise<ServerAddress> {
    if (!this.#running) {
      const running = this.#start()
      this.#running = running
      running.catch(() => {
        if (this.#running === running) this.#running = undefined
      })
    }
    return this.#running
  }

  async #start(): Promise<ServerAddress> {
    this.#init.onState(this.#wasUp ? 'restarting' : 'loading')
    try {
      for (let tries = 1; ; tries++) {
        const port = await freePort()
        const sidecar = this.#launch(port)
        const { key, socketPath } = this.#init
        const address = { url: `http://127.0.0.1:${port}`, ...(key === undefined ? {} : { key }), ...(socketPath === undefined ? {} : { socketPath }) } // prettier-ignore
        if (await this.#becomesHealthy(sidecar, address)) {
          this.#wasUp = true
          this.#init.onState('ready')
          return address
        }
        const { output } = sidecar
        await sidecar.close()
        if (this.#disposed) throw new SiloError('engine_crashed')
        if (tries < portTries && portTaken.test(output)) continue
        const { model, loadFailure } = this.#init
        throw (
          loadFailure(output) ??
          new SiloError('model_load_failed', { params: { model }, cause: new Error(output) })
        )
      }
    } catch (error) {
      this.#init.onState('failed')
      throw error
    }
  }

  #launch(port: number): Sidecar {
    const { name, log, command } = this.#init
    const sidecar: Sidecar = new Sidecar({
      ...command(port),
      name,
      log,
      onExit: () => this.#sidecar === sidecar && this.#died(),
    })
    this.#sidecar = sidecar
    return sidecar
  }

  async #becomesHealthy(sidecar: Sidecar, address: ServerAddress): Promise<boolean> {
    const until = Date.now() + (this.#init.loadLimit ?? usualLoadLimit)
    const { healthPath: path, healthBody: body } = this.#init
    while (!sidecar.gone && !this.#disposed && Date.now() < until) {
      const signal = AbortSignal.timeout(healthLimit)
      const ask = { address, path, signal, silenceMs: healthLimit }
      const healthy = await (body === undefined ? askJson(ask) : askText({ ...ask, body })).then(
        () => true,
        () => false,
      )
      // A server of someone else on this port must not be taken for this one.
      if (healthy) return !sidecar.gone
      await sleep(healthEvery)
    }
    return false
  }

  #died(): void {
    if (!this.#wasUp || this.#disposed || !this.#running) return
    this.#running = undefined
    this.#init.onState('restarting')
    const now = Date.now()
    this.#crashes = [...this.#crashes.filter((at) => now - at < restartWindow), now]
    if (this.#crashes.length <= eagerRestarts) this.#ensure().catch(() => {})
    else this.#init.onState('failed')
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address instanceof Object ? resolve(address.port) : reject(new Error('no port')))) // prettier-ignore
    })
  })
}
