import type { Hardware } from '#shared/domain/device.ts'
import type { EngineChoice, EngineId } from '#shared/domain/engine-choice.ts'

/** Is there a build of an engine for this machine, is it installed, does it start? */
export type EngineState = 'no-build' | 'not-installed' | 'broken' | 'works'

/** What decides which engine runs model files: the machine, and what is installed on it. */
export interface EngineFacts {
  readonly hardware: Pick<Hardware, 'os' | 'arch' | 'gpus' | 'memory' | 'npu'>
  /** What the library inside this process was built for and found to work; absent: it does not load. */
  readonly library?: 'cuda' | 'metal' | 'vulkan' | 'cpu'
  /** llama-server. */
  readonly server: EngineState
  readonly mlx?: EngineState
  readonly openvino?: EngineState
  /** With the GPUs it was told to use, if any. Absent: nobody brought it. */
  readonly inferflow?: { readonly state: EngineState; readonly devices?: string }
}

interface Rated extends EngineChoice {
  /** Of those with the same speed, more is first. */
  readonly preferred: number
}

/** A GPU with less memory gains nothing over the processor, bytes. 0 is unknown or shared. */
const leastGpuMemory = 2 * 1024 ** 3
const speeds = { cuda: 3, metal: 3, vulkan: 2, intel: 2, npu: 2, cpu: 1 }

/**
 * The engines for model files, best first: a GPU that can be used beats the processor, CUDA and Metal beat the others,
 * and of those that compute alike the one made for this very machine is first, then the one without another process
 * between. What cannot be used is last; of what nobody asked for, only what would help here is named.
 */
export function rankEngines(facts: EngineFacts): EngineChoice[] {
  const choices = [libraryChoice(facts), serverChoice(facts), mlxChoice(facts), openVinoChoice(facts), inferflowChoice(facts)] // prettier-ignore
  const rated = choices.flatMap((choice) => (choice ? [choice] : []))
  const onGpu = rated.some(({ usable, backend }) => usable && backend !== 'cpu')
  return rated
    .map((choice): Rated => {
      if (!choice.usable || choice.backend !== 'cpu' || choice.reason === 'slower') return choice
      return { ...choice, reason: onGpu ? 'gpu-unused' : 'cpu' }
    })
    .toSorted((a, b) => rank(b) - rank(a))
    .map(({ engine, usable, reason, backend }, index, all): EngineChoice => {
      const alike = index > 0 && usable && backend === all[0]!.backend && reason !== 'slower'
      return { engine, usable, reason: alike ? 'second' : reason, backend }
    })
}

/** The engines to try for a file, best first: the one a person chose, where it can be used, comes before all others. */
export function enginesToTry(
  ranked: readonly EngineChoice[],
  chosen: EngineId | 'auto' | undefined,
): EngineId[] {
  const usable = ranked.filter(({ usable }) => usable).map(({ engine }) => engine)
  if (chosen === undefined || chosen === 'auto' || !usable.includes(chosen)) return usable
  return [chosen, ...usable.filter((engine) => engine !== chosen)]
}

function libraryChoice({ library }: EngineFacts): Rated {
  if (library === undefined)
    return { engine: 'llama-cpp', usable: false, reason: 'broken', backend: 'cpu', preferred: 2 }
  return { engine: 'llama-cpp', usable: true, reason: 'gpu', backend: library, preferred: 2 }
}

function serverChoice({ server, hardware }: EngineFacts): Rated {
  const backend = hasVulkanGpu(hardware) ? 'vulkan' : 'cpu'
  return rated('llama-server', server, backend, { preferred: 1 })
}

/** MLX is Apple's own for its processors; elsewhere it works, slowly. */
function mlxChoice({ mlx, hardware: { os, arch } }: EngineFacts): Rated | undefined {
  if (os === 'darwin' && arch === 'arm64' && mlx !== undefined)
    return rated('mlx', mlx, 'metal', { preferred: 3 })
  return mlx === 'works' ? rated('mlx', mlx, 'cpu', { slower: true }) : undefined
}

/** OpenVINO reaches Intel's GPUs and NPUs; on their processors it is a little slower than llama.cpp. */
function openVinoChoice({ openvino, hardware }: EngineFacts): Rated | undefined {
  const device = openVinoDevice(hardware)
  if (openvino === undefined) return undefined
  if (device !== 'CPU')
    return rated('openvino', openvino, device === 'NPU' ? 'npu' : 'intel', { preferred: 0 })
  return openvino === 'works' ? rated('openvino', openvino, 'cpu', { slower: true }) : undefined
}

/** Inferflow is brought by a person, for GPUs; its processor's path is for trying it out. */
function inferflowChoice({ inferflow }: EngineFacts): Rated | undefined {
  if (!inferflow) return undefined
  const { state, devices } = inferflow
  if (devices === undefined) return rated('inferflow', state, 'cpu', { slower: true })
  return rated('inferflow', state, 'cuda', { preferred: 3 })
}

/** What OpenVINO computes on. */
export function openVinoDevice({ gpus, npu }: EngineFacts['hardware']): 'GPU' | 'NPU' | 'CPU' {
  if (gpus.some(({ vendor }) => vendor === 'intel')) return 'GPU'
  return npu ? 'NPU' : 'CPU'
}

function rated(
  engine: EngineId,
  state: EngineState,
  backend: EngineChoice['backend'],
  { preferred = 0, slower = false }: { preferred?: number; slower?: boolean },
): Rated {
  if (state !== 'works') return { engine, usable: false, reason: state, backend, preferred }
  const reason = slower ? 'slower' : backend === 'npu' ? 'npu' : 'gpu'
  return { engine, usable: true, reason, backend, preferred: slower ? -1 : preferred }
}

/** The build of llama-server has Vulkan, which every maker's driver offers. */
function hasVulkanGpu({ os, gpus }: EngineFacts['hardware']): boolean {
  if (os === 'darwin') return false
  return gpus.some(({ vendor, memory }) => vendor !== 'other' && (memory === 0 || memory >= leastGpuMemory)) // prettier-ignore
}

function rank({ usable, backend, preferred }: Rated): number {
  return (usable ? 100 : 0) + speeds[backend] * 10 + preferred
}
