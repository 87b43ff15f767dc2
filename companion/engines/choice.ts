import type { Hardware } from '#shared/domain/device.ts'
import type { EngineChoice, EngineId } from '#shared/domain/engine-choice.ts'

/** What decides which engine runs model files: the machine, and what is installed on it. */
export interface EngineFacts {
  readonly hardware: Pick<Hardware, 'os' | 'arch' | 'gpus' | 'memory'>
  /** What the library inside this process was built for and found to work; absent: it does not load. */
  readonly library?: 'cuda' | 'metal' | 'vulkan' | 'cpu'
  /** llama-server: is there a build for this machine, is it installed, does it start? */
  readonly server: 'no-build' | 'not-installed' | 'broken' | 'works'
}

/** A GPU with less memory gains nothing over the processor, bytes. 0 is unknown or shared. */
const leastGpuMemory = 2 * 1024 ** 3

/**
 * The engines for model files, best first: a GPU that can be used beats the processor, CUDA and Metal beat Vulkan,
 * and of two that compute alike the one without another process between is first. What cannot be used is last.
 */
export function rankEngines(facts: EngineFacts): EngineChoice[] {
  const choices = [libraryChoice(facts), serverChoice(facts)]
  const onGpu = choices.some(({ usable, backend }) => usable && backend !== 'cpu')
  return choices
    .map((choice): EngineChoice => {
      if (!choice.usable || choice.backend !== 'cpu') return choice
      return { ...choice, reason: onGpu ? 'gpu-unused' : 'cpu' }
    })
    .toSorted((a, b) => rank(b) - rank(a))
    .map((choice, index, all): EngineChoice => {
      const first = all[0]!
      const alike = index > 0 && choice.usable && choice.backend === first.backend
      return alike ? { ...choice, reason: 'second' } : choice
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

function libraryChoice({ library }: EngineFacts): EngineChoice {
  if (library === undefined)
    return { engine: 'llama-cpp', usable: false, reason: 'broken', backend: 'cpu' }
  return { engine: 'llama-cpp', usable: true, reason: 'gpu', backend: library }
}

function serverChoice({ server, hardware }: EngineFacts): EngineChoice {
  const backend = hasVulkanGpu(hardware) ? 'vulkan' : 'cpu'
  if (server === 'works') return { engine: 'llama-server', usable: true, reason: 'gpu', backend }
  return { engine: 'llama-server', usable: false, reason: server, backend }
}

/** The build of llama-server has Vulkan, which every maker's driver offers. */
function hasVulkanGpu({ os, gpus }: EngineFacts['hardware']): boolean {
  if (os === 'darwin') return false
  return gpus.some(({ vendor, memory }) => vendor !== 'other' && (memory === 0 || memory >= leastGpuMemory)) // prettier-ignore
}

function rank({ usable, backend, engine }: EngineChoice): number {
  const speed = { cuda: 3, metal: 3, vulkan: 2, cpu: 1 }[backend]
  return (usable ? 100 : 0) + speed * 10 + (engine === 'llama-cpp' ? 1 : 0)
}
