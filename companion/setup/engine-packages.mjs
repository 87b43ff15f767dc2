import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { root, run, say } from './process.mjs'

const scope = '@node-llama-cpp'

/**
 * Which prebuilt engine packages this machine can use beyond the ones npm installed
 * (docs/decisions/0003-gpu-packages.md). `SILO_GPU` = `cpu`, `cuda` or `vulkan` overrides the detection.
 */
export async function wantedEnginePackages() {
  const platform = { linux: 'linux', win32: 'win' }[process.platform]
  if (!platform) return []
  if (process.arch !== 'x64') {
    const arch = { arm64: 'arm64', arm: 'armv7l', riscv64: 'riscv64' }[process.arch]
    return arch ? [`${platform}-${arch}`] : []
  }
  const forced = process.env.SILO_GPU
  if (forced === 'cpu') return []
  const cuda = forced === 'cuda' || (!forced && (await hasNvidia()))
  if (cuda) return [`${platform}-x64-cuda`, `${platform}-x64-cuda-ext`]
  const vulkan = forced === 'vulkan' || (!forced && hasVulkanGpu())
  return vulkan ? [`${platform}-x64-vulkan`] : []
}

/** Not tried again for this long after a failure (ms): an offline start must stay quick. */
const retryAfterMs = 24 * 3600_000

/**
 * Puts them in place of the empty packages; asked at every start, so that a new GPU is noticed. A failure is
 * said and leaves the CPU build in use.
 */
export async function installEnginePackages() {
  const version = JSON.parse(
    readFileSync(join(root, 'node_modules', 'node-llama-cpp', 'package.json'), 'utf8'),
  ).version
  for (const name of await wantedEnginePackages()) {
    const target = join(root, 'node_modules', scope, name)
    if (isInstalled(target, version) || failedLately(name, version)) continue
    say(`Installing the engine build for this machine: ${name} …`)
    const prefix = join(root, 'node_modules', '.silo-native')
    rmSync(prefix, { recursive: true, force: true })
    mkdirSync(prefix, { recursive: true })
    writeFileSync(join(prefix, 'package.json'), '{"private":true}')
    const result = await run(
      'npm',
      [
        'install',
        '--prefix',
        prefix,
        '--no-package-lock',
        '--ignore-scripts',
        '--loglevel=error',
        `${scope}/${name}@${version}`,
      ],
      { timeoutMs: 20 * 60_000 },
    )
    const fetched = join(prefix, 'node_modules', scope, name)
    if (result.code !== 0 || !existsSync(fetched)) {
      say(`  ${name} could not be installed; the CPU build is used. It is tried again tomorrow, or at once with SILO_GPU set.`) // prettier-ignore
      writeFileSync(failurePath(name, version), '')
      continue
    }
    rmSync(target, { recursive: true, force: true })
    renameSync(fetched, target)
    rmSync(prefix, { recursive: true, force: true })
  }
}

function failurePath(name, version) {
  return join(root, 'node_modules', `.silo-failed-${name}-${version}`)
}

function failedLately(name, version) {
  const failed = statSync(failurePath(name, version), { throwIfNoEntry: false })
  return failed !== undefined && !process.env.SILO_GPU && Date.now() - failed.mtimeMs < retryAfterMs
}

function isInstalled(target, version) {
  try {
    const found = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'))
    return found.name?.startsWith(`${scope}/`) && found.version === version
  } catch {
    return false
  }
}

async function hasNvidia() {
  const result = await run('nvidia-smi', ['-L'], { capture: true, quiet: true, timeoutMs: 10_000 })
  return result.code === 0 && result.output.includes('GPU')
}

/** A render node and a Vulkan loader: without either, Vulkan would only find a software renderer. */
function hasVulkanGpu() {
  if (process.platform !== 'linux' || !existsSync('/dev/dri')) return false
  if (!readdirSync('/dev/dri').some((name) => name.startsWith('renderD'))) return false
  return ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'].some((folder) =>
    existsSync(join(folder, 'libvulkan.so.1')),
  )
}
