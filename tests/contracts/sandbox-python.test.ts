import { join } from 'node:path'
import { createPythonSandbox } from '#companion/sandbox/python-sandbox.ts'
import { findMachine, type Machine } from '#companion/sandbox/machine.ts'
import { silent, World, snapshots } from '#tests/sandbox/world.ts'
import { pythonTraits, sandboxContract } from './sandbox.ts'

const machine = await findMachine()
/** As on a computer without bubblewrap: the runtime's permissions, and a keeper. */
const bare: Machine = machine.deno ? { deno: machine.deno } : {}

suite('Python in Node behind all walls', { runtime: 'node' })
suite('Python in Node by itself', { runtime: 'node', machine: bare })
// Deno is 90 MB, so it is tested where it is installed.
if (machine.deno) {
  suite('Python in Deno behind all walls', { runtime: 'deno' })
  suite('Python in Deno by itself', { runtime: 'deno', machine: bare })
}

function suite(name: string, options: { runtime: 'node' | 'deno'; machine?: Machine }): void {
  sandboxContract(name, async () => {
    const world = await World.open()
    return {
      sandbox: createPythonSandbox({ folder: world.home, log: silent, snapshots, ...options }),
      traits: pythonTraits(join(world.folder, 'a.txt')),
      folder: world.home,
      close: () => world[Symbol.asyncDispose](),
    }
  })
}
