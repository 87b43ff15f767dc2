import { describe, expect, it } from 'vitest'
import { findMachine } from '#companion/sandbox/machine.ts'
import { createShellSandbox } from '#companion/sandbox/shell-sandbox.ts'
import { silent, World } from '#tests/sandbox/world.ts'
import { sandboxContract, shellTraits } from './sandbox.ts'

const { bwrap, without } = await findMachine()

if (bwrap)
  sandboxContract('commands in bubblewrap', async () => {
    const world = await World.open()
    return {
      sandbox: createShellSandbox({ folder: world.home, log: silent }),
      traits: shellTraits(world.folder),
      folder: world.home,
      close: () => world[Symbol.asyncDispose](),
    }
  })

describe('bubblewrap', () => {
  it('is here to be tested, on Linux', () => {
    if (process.platform === 'linux') expect(bwrap, without).toBeDefined()
    else expect(bwrap).toBeUndefined()
  })
})
