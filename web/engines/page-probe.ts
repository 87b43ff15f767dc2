import type { GpuProbe, PageProbe } from './capability.ts'
import { wasmFeatures } from './wasm-features.ts'

/** A GPU that does not answer within this is as good as none, ms. */
const gpuLimit = 8_000
const count = 256
/** Flags of WebGPU's buffers and maps; the type library names the interfaces only. */
const usage = { mapRead: 1, copySource: 4, copyTarget: 8, storage: 128 }
const mapRead = 1

/** Finds out what this browser can do by doing it. Never throws; takes some hundred milliseconds. */
export async function probePage(): Promise<PageProbe> {
  const [wasm, gpu, storage] = await Promise.all([wasmFeatures(), probeGpu(), probeStorage()])
  const memory = Reflect.get(navigator, 'deviceMemory')
  return {
    wasm,
    gpu,
    platform: platformOf(navigator.userAgent, navigator.maxTouchPoints),
    cores: navigator.hardwareConcurrency || 1,
    ...(typeof memory === 'number' ? { deviceMemory: memory * 1024 ** 3 } : {}),
    storage,
  }
}

/** An iPad calls itself a Macintosh; only its touch screen tells. */
export function platformOf(userAgent: string, touchPoints: number): PageProbe['platform'] {
  if (/iPhone|iPod/.test(userAgent)) return 'iphone'
  if (/iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && touchPoints > 1)) return 'ipad'
  return /Android/.test(userAgent) ? 'android' : 'desktop'
}

async function probeStorage(): Promise<PageProbe['storage']> {
  try {
    const root = await navigator.storage.getDirectory()
    // Some private windows hand out the folder and refuse the first file.
    await root.getFileHandle('.probe', { create: true })
    await root.removeEntry('.probe')
    const { quota = 0, usage = 0 } = await navigator.storage.estimate()
    const persisted = (await navigator.storage.persisted?.()) ?? false
    return { available: true, free: Math.max(0, quota - usage), persisted }
  } catch {
    return { available: false, free: 0, persisted: false }
  }
}

const noGpu: GpuProbe = { state: 'none', f16: false, storageBinding: 0, description: '' }

/** Runs a kernel and checks its numbers: an adapter that is there may still be useless. */
export async function probeGpu(): Promise<GpuProbe> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<GpuProbe>((resolve) => {
    timer = setTimeout(() => resolve({ ...noGpu, state: 'broken' }), gpuLimit)
  })
  try {
    return await Promise.race([measureGpu(), late])
  } catch {
    return { ...noGpu, state: 'broken' }
  } finally {
    clearTimeout(timer)
  }
}

async function measureGpu(): Promise<GpuProbe> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return noGpu
  const half = adapter.features.has('shader-f16')
  const { maxStorageBufferBindingSize } = adapter.limits
  const device = await adapter.requestDevice({
    requiredFeatures: half ? ['shader-f16'] : [],
    requiredLimits: { maxStorageBufferBindingSize },
  })
  try {
    const works = await computes(device, 'f32')
    const { vendor, architecture, description } = adapter.info
    return {
      state: works ? (isSoftware(adapter) ? 'software' : 'works') : 'broken',
      f16: half && (await computes(device, 'f16')),
      storageBinding: maxStorageBufferBindingSize,
      description: description || [vendor, architecture].filter(Boolean).join(' '),
    }
  } finally {
    device.destroy()
  }
}

function isSoftware(adapter: GPUAdapter): boolean {
  const { vendor, architecture, description, device } = adapter.info
  const fallback = Reflect.get(adapter.info, 'isFallbackAdapter') ?? Reflect.get(adapter, 'isFallbackAdapter') // prettier-ignore
  return (
    fallback === true ||
    /swiftshader|llvmpipe|lavapipe|basic render|software/i.test(
      `${vendor} ${architecture} ${description} ${device}`,
    )
  )
}

/** Each of 256 threads computes 0.5·i + 3 in the given precision. */
async function computes(device: GPUDevice, type: 'f32' | 'f16'): Promise<boolean> {
  const code = `${type === 'f16' ? 'enable f16;' : ''}
@group(0) @binding(0) var<storage, read_write> numbers: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  numbers[id.x] = f32(${type}(0.5) * ${type}(id.x) + ${type}(3));
}`
  device.pushErrorScope('validation')
  const module = device.createShaderModule({ code })
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } }) // prettier-ignore
  const size = count * 4
  const numbers = device.createBuffer({ size, usage: usage.storage | usage.copySource }) // prettier-ignore
  const copy = device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget }) // prettier-ignore
  const layout = pipeline.getBindGroupLayout(0)
  const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: numbers } }] }) // prettier-ignore
  const commands = device.createCommandEncoder()
  const pass = commands.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, group)
  pass.dispatchWorkgroups(count / 64)
  pass.end()
  commands.copyBufferToBuffer(numbers, 0, copy, 0, size)
  device.queue.submit([commands.finish()])
  if (await device.popErrorScope()) return false
  await copy.mapAsync(mapRead)
  const read = new Float32Array(copy.getMappedRange())
  return read.every((value, index) => value === 0.5 * index + 3)
}
