import { Hono } from 'hono'
import type { SyncService } from '#companion/sync/sync-service.ts'
import { parseInput } from '#shared/errors/parse.ts'
import {
  addSyncDeviceSchema,
  addSyncFolderSchema,
  patchSyncDeviceSchema,
  patchSyncFolderSchema,
  syncActionSchema,
  syncIgnoresSchema,
} from '#shared/protocol/sync.ts'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'

/** Folders kept alike with other devices. Owners only: paths of this machine are named here. */
export function syncRoutes(sync: SyncService): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  const state = () => ({ sync: sync.state() })
  app.get('/sync', (context) => context.json(state()))
  app.post('/sync/devices', async (context) => {
    await sync.addDevice(parseInput(addSyncDeviceSchema, await readJson(context)))
    return context.json(state(), 201)
  })
  app.patch('/sync/devices/:id', async (context) => {
    const changes = parseInput(patchSyncDeviceSchema, await readJson(context))
    await sync.patchDevice(context.req.param('id'), changes)
    return context.json(state())
  })
  app.delete('/sync/devices/:id', async (context) => {
    await sync.removeDevice(context.req.param('id'))
    return context.json(state())
  })
  app.post('/sync/folders', async (context) => {
    sync.addFolder(parseInput(addSyncFolderSchema, await readJson(context)))
    return context.json(state(), 201)
  })
  app.patch('/sync/folders/:id', async (context) => {
    const changes = parseInput(patchSyncFolderSchema, await readJson(context))
    await sync.patchFolder(context.req.param('id'), changes)
    return context.json(state())
  })
  app.delete('/sync/folders/:id', async (context) => {
    await sync.removeFolder(context.req.param('id'))
    return context.json(state())
  })
  app.get('/sync/folders/:id/ignores', async (context) =>
    context.json({ lines: await sync.ignores(context.req.param('id')) }),
  )
  app.put('/sync/folders/:id/ignores', async (context) => {
    const { lines } = parseInput(syncIgnoresSchema, await readJson(context))
    const id = context.req.param('id')
    await sync.setIgnores(id, lines)
    return context.json({ lines: await sync.ignores(id) })
  })
  app.post('/sync/folders/:id/:action', async (context) => {
    const { id, action } = context.req.param()
    await sync.act(id, parseInput(syncActionSchema, action))
    return context.json(state())
  })
  return app
}
