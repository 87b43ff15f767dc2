import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { libraries, namespaces } from '#companion/process/bubblewrap.ts'
import type { SidecarCommand } from '#companion/process/sidecar-command.ts'

export interface NamespaceInit {
  readonly bwrap: string
  /** The service's program, no link to it. */
  readonly binary: string
  /** Folder of the model's files. */
  readonly model: string
  /** Folder with the configuration, `service.ini`, and a folder `socket`. */
  readonly run: string
  /** GPUs are used. */
  readonly devices: boolean
}

/** What the service calls the folders. */
export const modelFolder = '/silo/model'
const runFolder = '/silo/run'
/** In a network of its own every port is free. */
export const servicePort = 47_113

/** The socket in the folder `run` by which the service is reached. */
export function socketOf(run: string): string {
  return join(run, 'socket', 'http')
}

const relay = fileURLToPath(new URL('./relay.ts', import.meta.url))
const environment = /^(LD_LIBRARY_PATH|CUDA_.*|NVIDIA_.*)$/
const gpuFiles = /^nvidia/

/**
 * Starts the service where nobody but its relay is: it listens at every address without asking who calls. It has no
 * network, and sees the system's libraries, its own folder and the model's, and no file of the user's.
 */
export function namespaceCommand(init: NamespaceInit): SidecarCommand {
  const { bwrap, binary, model, run, devices } = init
  const variables = Object.entries(process.env).filter(([name]) => environment.test(name))
  const own = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter((path) => path.startsWith('/'))
  const options: (readonly string[])[] = [
    namespaces,
    libraries(['/usr', '/opt', ...own]),
    ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    devices ? gpuMounts() : [],
    ...[dirname(binary), process.execPath, relay].map((path) => ['--ro-bind', path, path]),
    ['--ro-bind', model, modelFolder, '--ro-bind', run, runFolder],
    ['--bind', dirname(socketOf(run)), dirname(socketOf(runFolder))],
    ['--remount-ro', '/', '--chdir', '/'],
    ['--setenv', 'PATH', '/usr/local/bin:/usr/bin:/bin', '--setenv', 'LANG', 'C.UTF-8'],
    ...variables.map(([name, value = '']) => ['--setenv', name, value]),
    ['--', process.execPath, '--no-warnings', relay],
    [socketOf(runFolder), String(servicePort), binary, join(runFolder, 'service.ini')],
  ]
  return { command: bwrap, args: options.flat(), env: {}, cwd: '/' }
}

/** What CUDA opens. */
function gpuMounts(): string[] {
  const files = readdirSync('/dev').filter((name) => gpuFiles.test(name))
  return ['--ro-bind', '/sys', '/sys', ...files.flatMap((name) => ['--dev-bind-try', join('/dev', name), join('/dev', name)])] // prettier-ignore
}
