import { join } from 'node:path'
import type { PythonEnvironment } from '#companion/process/python-environment.ts'

/** What MLX runs in. */
export const mlxEnvironment: PythonEnvironment = {
  name: 'mlx-python',
  requirements: join(import.meta.dirname, 'requirements.txt'),
  size: 400_000_000,
}

/** Are there packages for this machine? */
export function canInstallMlx(): boolean {
  const { platform, arch } = process
  return platform === 'darwin' ? arch === 'arm64' : platform === 'linux' && ['x64', 'arm64'].includes(arch) // prettier-ignore
}
