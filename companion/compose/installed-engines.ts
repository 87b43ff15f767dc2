import { arch, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import { openVinoDevice, rankEngines, type EngineState } from '#companion/engines/choice.ts'
import { findInferflow } from '#companion/engines/inferflow/binary.ts'
import { InferflowEngine } from '#companion/engines/inferflow/engine.ts'
import { createLlamaCppEngine, libraryBackend } from '#companion/engines/llama-cpp/engine.ts'
import { canInstallLlamaServer, findLlamaServer, installLlamaServer } from '#companion/engines/llama-server/binary.ts' // prettier-ignore
import { LlamaServerEngine } from '#companion/engines/llama-server/engine.ts'
import { MlxEngine } from '#companion/engines/mlx/engine.ts'
import { canInstallMlx, mlxEnvironment } from '#companion/engines/mlx/environment.ts'
import { OpenVinoEngine } from '#companion/engines/openvino/engine.ts'
import { canInstallOpenVino, openVinoEnvironment } from '#companion/engines/openvino/environment.ts'
import type { Log } from '#companion/observe/log.ts'
import { findPython, installPython, type PythonEnvironment } from '#companion/process/python-environment.ts' // prettier-ignore
import type { RunContext } from '#companion/runs/run.ts'
import type { Engine } from '#shared/contracts/engine.ts'
import type { Hardware } from '#shared/domain/device.ts'
import type { EngineChoice, EngineId } from '#shared/domain/engine-choice.ts'

interface InstalledParts {
  /** Where engines are installed. */
  readonly directory: string
  readonly log: Log
  readonly threads?: number
  readonly hardware: () => Hardware | undefined
  /** Where computed context is kept, and how much of it, bytes; absent: nowhere. */
  readonly pages?: { readonly directory: string; readonly maxBytes: () => number }
}

/** The engines for model files, which of them are there, and which of them is best. */
export function installedEngines({ directory, log, threads, hardware, pages }: InstalledParts) {
  const common = { log, ...(threads === undefined ? {} : { threads }) }
  const machine = () => hardware() ?? { os: platform(), arch: arch(), gpus: [], memory: totalmem() }
  const devices = process.env.SILO_INFERFLOW_DEVICES
  const llamaCpp = createLlamaCppEngine({ ...common, ...(pages ? { pages } : {}) })
  const byId: Record<EngineId, Engine> = {
    'llama-cpp': llamaCpp,
    'llama-server': new LlamaServerEngine({ ...common, binary: () => findLlamaServer(directory) }),
    mlx: new MlxEngine({ ...common, directory }),
    openvino: new OpenVinoEngine({ ...common, directory, device: () => openVinoDevice(machine()) }),
    inferflow: new InferflowEngine({
      ...common,
      binary: () => findInferflow(),
      directory: join(directory, 'inferflow-models'),
      ...(devices ? { devices } : {}),
    }),
  }
  const installers = installersOf(directory, log)
  const states: Partial<Record<EngineId, EngineState>> = {}
  return {
    byId,
    llamaCpp,
    installers,

    /** Finds out which of the engines that are programs of others are there and start. */
    async probe(signal: AbortSignal): Promise<void> {
      const stateOf = async (id: EngineId): Promise<EngineState> =>
        (await byId[id].probe(signal)).available ? 'works' : 'broken'
      const probeOne = async (id: InstallableId): Promise<void> => {
        const state = installers[id].state()
        states[id] = state === 'works' ? await stateOf(id) : state
      }
      const probeInferflow = async (): Promise<void> => {
        if (findInferflow() === undefined) delete states.inferflow
        else states.inferflow = await stateOf('inferflow')
      }
      await Promise.all([...installable.map(probeOne), probeInferflow()])
    },

    /** Best first, as far as is known. */
    ranked(): EngineChoice[] {
      const library = libraryBackend(llamaCpp)
      const { mlx, openvino, inferflow } = states
      return rankEngines({
        hardware: machine(),
        server: states['llama-server'] ?? installers['llama-server'].state(),
        ...(library ? { library } : {}),
        ...(mlx ? { mlx } : {}),
        ...(openvino ? { openvino } : {}),
        ...(inferflow ? { inferflow: { state: inferflow, ...(devices ? { devices } : {}) } } : {}),
      })
    },
  }
}

const installable = ['llama-server', 'mlx', 'openvino'] as const
type InstallableId = (typeof installable)[number]

/** Can it be installed from the app, on some machine? */
export function isInstallable(engine: EngineId): engine is InstallableId {
  return installable.some((id) => id === engine)
}

/** What can be installed here, and how. */
function installersOf(directory: string, log: Log) {
  const ofPython = (environment: PythonEnvironment, can: () => boolean) => ({
    state: () => stateOf(findPython(directory, environment) !== undefined, can()),
    install: ({ signal, emit }: RunContext) =>
      installPython(environment, {
        directory,
        log,
        signal,
        onProgress(fraction) {
          const { size } = environment
          emit({ type: 'progress', stage: 'installing', done: Math.round(fraction * size), total: size, unit: 'bytes' }) // prettier-ignore
        },
      }),
  })
  return {
    'llama-server': {
      state: () => stateOf(findLlamaServer(directory) !== undefined, canInstallLlamaServer()),
      install: ({ signal }: RunContext) => installLlamaServer(directory, signal),
    },
    mlx: ofPython(mlxEnvironment, canInstallMlx),
    openvino: ofPython(openVinoEnvironment, canInstallOpenVino),
  }
}

function stateOf(isThere: boolean, can: boolean): EngineState {
  if (isThere) return 'works'
  return can ? 'not-installed' : 'no-build'
}
