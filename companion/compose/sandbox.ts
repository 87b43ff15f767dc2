import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '#companion/observe/log.ts'
import { PythonPackages } from '#companion/sandbox/python-packages.ts'
import { createPythonSandbox } from '#companion/sandbox/python-sandbox.ts'
import { createShellSandbox } from '#companion/sandbox/shell-sandbox.ts'
import { createPythonTool, type PythonInput } from '#companion/tools/python.ts'
import { createShellTool, type ShellInput } from '#companion/tools/shell.ts'
import type { Sandbox } from '#shared/contracts/sandbox.ts'
import type { Tool } from '#shared/contracts/tool.ts'

export interface SandboxParts extends AsyncDisposable {
  readonly python: Sandbox
  readonly shell: Sandbox
  /** The wheels that the user fetched. */
  readonly packages: PythonPackages
  readonly pythonTool: Tool<PythonInput>
  readonly shellTool: Tool<ShellInput>
}

export interface SandboxInit {
  /** Data folder. */
  readonly home: string
  readonly log: Log
  /** Where snapshots of Python lie, if not in the data folder. */
  readonly snapshots?: string
  /** Places within a folder that no command may see, canonical. */
  readonly hides?: (folder: string) => Promise<readonly string[]>
}

/** The jails and their tools. Closing it ends every program that runs. */
export function composeSandbox({ home, log, hides, snapshots }: SandboxInit): SandboxParts {
  const folder = join(home, 'sandbox')
  // What a companion that was killed left behind.
  for (const name of ['in', 'shell', join('python', 'left')])
    rmSync(join(folder, name), { recursive: true, force: true })
  const packages = new PythonPackages({ folder: join(folder, 'packages') })
  const python = createPythonSandbox({
    folder: join(folder, 'python'),
    log,
    packages,
    ...(snapshots ? { snapshots } : {}),
  })
  const shell = createShellSandbox({
    folder: join(folder, 'shell'),
    log,
    ...(hides ? { hides } : {}),
  })
  return {
    python,
    shell,
    packages,
    pythonTool: createPythonTool({ sandbox: python, folder: join(folder, 'in') }),
    shellTool: createShellTool({ sandbox: shell }),
    async [Symbol.asyncDispose]() {
      await Promise.all([python[Symbol.asyncDispose](), shell[Symbol.asyncDispose]()])
    },
  }
}
