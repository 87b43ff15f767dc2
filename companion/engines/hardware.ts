import { execFile } from 'node:child_process'
import { readdir, readFile, statfs } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import type { Hardware } from '#shared/domain/device.ts'

type Gpu = Hardware['gpus'][number]

const commandLimit = 5000
let knownGpus: Promise<Gpu[]> | undefined

/**
 * What this machine has. Cores and memory respect cgroup limits; GPUs are asked for once per process.
 * `directory` is where models are stored (it need not exist yet). Never throws but for the abort.
 */
export async function probeHardware(directory: string, signal: AbortSignal): Promise<Hardware> {
  signal.throwIfAborted()
  knownGpus ??= findGpus()
  const [gpus, npu, diskFree] = await Promise.all([knownGpus, hasNpu(), freeBytes(directory)])
  signal.throwIfAborted()
  const limit = process.constrainedMemory()
  const memory = limit > 0 && limit < totalmem() ? limit : totalmem()
  return {
    os: process.platform,
    arch: process.arch,
    cpu: cpus()[0]?.model.trim() ?? '',
    cores: availableParallelism(),
    memory,
    memoryFree: Math.min(process.availableMemory(), memory),
    gpus,
    npu,
    diskFree,
  }
}

async function freeBytes(directory: string): Promise<number> {
  for (let path = directory; ; path = dirname(path)) {
    try {
      const stats = await statfs(path)
      return stats.bavail * stats.bsize
    } catch {
      if (dirname(path) === path) return 0
    }
  }
}

async function findGpus(): Promise<Gpu[]> {
  const nvidia = await nvidiaGpus()
  if (process.platform === 'darwin') return [...nvidia, ...(await appleGpus())]
  if (process.platform !== 'linux') return nvidia
  const others = await linuxGpus()
  return [...nvidia, ...others.filter((gpu) => gpu.vendor !== 'nvidia' || nvidia.length === 0)]
}

/** Intel's and AMD's drivers on Linux put NPUs there; elsewhere they are not asked for. */
async function hasNpu(): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const devices = await readdir('/sys/class/accel').catch(() => [])
  return devices.some((name) => name.startsWith('accel'))
}

async function nvidiaGpus(): Promise<Gpu[]> {
  const text = await output('nvidia-smi', [
    '--query-gpu=name,memory.total',
    '--format=csv,noheader,nounits',
  ])
  return text
    .split('\n')
    .map((line) => line.split(',').map((part) => part.trim()))
    .flatMap(([name, megabytes]) =>
      name && megabytes
        ? [{ vendor: 'nvidia' as const, name, memory: (Number(megabytes) || 0) * 1024 * 1024 }]
        : [],
    )
}

const appleSchema = v.object({
  SPDisplaysDataType: v.array(v.looseObject({ sppci_model: v.optional(v.string()) })),
})

async function appleGpus(): Promise<Gpu[]> {
  const text = await output('system_profiler', ['SPDisplaysDataType', '-json'])
  try {
    const parsed = v.parse(appleSchema, JSON.parse(text))
    return parsed.SPDisplaysDataType.map((display) => ({
      vendor: 'apple' as const,
      name: display.sppci_model ?? 'Apple GPU',
      memory: 0,
    }))
  } catch {
    return []
  }
}

const vendors: Record<string, Gpu['vendor']> = {
  '0x10de': 'nvidia',
  '0x1002': 'amd',
  '0x8086': 'intel',
}

/** Cards with a driver. `mem_info_vram_total` is amdgpu's. */
async function linuxGpus(): Promise<Gpu[]> {
  const root = '/sys/class/drm'
  const gpus: Gpu[] = []
  for (const entry of await readdir(root).catch(() => [])) {
    if (!/^card\d+$/.test(entry)) continue
    const device = join(root, entry, 'device')
    const read = async (name: string): Promise<string> =>
      (await readFile(join(device, name), 'utf8').catch(() => '')).trim()
    const vendor = vendors[await read('vendor')]
    // Virtual display adapters compute nothing.
    if (!vendor) continue
    const model = (await read('product_name')) || (await read('device'))
    gpus.push({
      vendor,
      name: `${vendor} ${model}`.trim(),
      memory: Number(await read('mem_info_vram_total')) || 0,
    })
  }
  return gpus
}

function output(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      { timeout: commandLimit, killSignal: 'SIGKILL', windowsHide: true, maxBuffer: 1 << 20 },
      (error, stdout) => resolve(error ? '' : stdout),
    )
  })
}
