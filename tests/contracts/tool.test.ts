import { afterAll } from 'vitest'
import { openToolWorld } from '#tests/tools/world.ts'
import { toolContract } from './tool.ts'

const world = await openToolWorld()
afterAll(() => world[Symbol.asyncDispose]())

// Whatever the companion has; nothing is named here.
toolContract('what Silo offers', world.tools.list(), world)
