import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { RunExecutor } from '#companion/runs/run.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { PythonPackages } from './python-packages.ts'

/** Nothing that is fetched takes longer, ms. */
const limitMs = 30 * 60_000

export interface PackageServiceInit {
  readonly packages: Pick<PythonPackages, 'add' | 'list'>
  /** Folder of the wheels, an address with a slash at its end; absent: nothing outside is asked. */
  readonly source?: string
  readonly announce: EgressGate['announce']
}

/** Fetches packages of Python when the person says so; each is checked against the hash that came with Pyodide. */
export class PackageService {
  readonly #init: PackageServiceInit

  constructor(init: PackageServiceInit) {
    this.#init = init
  }

  /** Names that programs can import. */
  list(): Promise<readonly string[]> {
    return this.#init.packages.list()
  }

  /** The run that fetches packages and what they need. It fails with bad_request, checksum_mismatch, download_failed. */
  fetching(names: readonly string[]): RunExecutor {
    const { packages, source, announce } = this.#init
    return async (run) => {
      if (source === undefined)
        throw new SiloError('download_failed', { params: { model: 'Python', detail: 'offline' } })
      const signal = AbortSignal.any([run.signal, AbortSignal.timeout(limitMs)])
      let fetched = 0
      const host = new URL(source).hostname
      const purpose = `Python: ${names.join(', ')}`
      await announce({ kind: 'download', host, purpose }, () =>
        packages.add(names, {
          // Asked for at each use: what guards connections stands in the global one.
          fetch: (...request) => globalThis.fetch(...request),
          source,
          signal,
          onPackage(detail, done, total) {
            fetched = total
            run.emit({ type: 'progress', stage: 'downloading', done, total, unit: 'steps', detail })
          },
        }),
      )
      return { counts: { packages: fetched } }
    }
  }
}
