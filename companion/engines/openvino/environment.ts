import { join } from 'node:path'
import type { PythonEnvironment } from '#companion/process/python-environment.ts'

/** What OpenVINO runs in. */
export const openVinoEnvironment: PythonEnvironment = {
  name: 'openvino-python',
  requirements: join(import.meta.dirname, 'requirements.txt'),
  size: 350_000_000,
}

/** Are there packages for this machine? */
export function canInstallOpenVino(): boolean {
  return ['linux x64', 'linux arm64', 'win32 x64', 'darwin arm64'].includes(`${process.platform} ${process.arch}`) // prettier-ignore
}
