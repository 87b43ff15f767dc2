import { Hono } from 'hono'
import type { Link } from '#companion/link/link.ts'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { roleOf } from '../permission.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import {
  answerPairingSchema,
  createPairingSchema,
  patchDeviceSchema,
  pinPeerSchema,
  type LinkInfo,
} from '#shared/protocol/link.ts'

/** How this companion is reached, its devices, invitations, and the companions around it. */
export function linkRoutes(link: Link): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/link', (context) => {
    const caller = context.get('caller')
    const isDevice = caller.kind === 'device'
    const info: LinkInfo = {
      companion: link.self(),
      state: link.state,
      self: (isDevice ? link.device(caller.deviceId) : undefined) ?? null,
      road: isDevice ? caller.road : 'loopback',
      role: roleOf(caller),
      appUrls: [...link.appUrls()],
    }
    return context.json(info)
  })

  app.post('/pairings', async (context) => {
    const { id, role } = parseInput(createPairingSchema, await readJson(context))
    return context.json(await link.invite(id, role), 201)
  })
  app.get('/pairings/:id', (context) =>
    context.json({ pairing: link.pairing(context.req.param('id')) }),
  )
  app.delete('/pairings/:id', (context) => {
    link.cancelPairing(context.req.param('id'))
    return context.body(null, 204)
  })
  app.post('/pairings/:id/answer', async (context) => {
    const { deviceId, allow } = parseInput(answerPairingSchema, await readJson(context))
    return context.json({ pairing: link.answerPairing(context.req.param('id'), deviceId, allow) })
  })

  app.get('/devices', (context) => context.json({ devices: link.devices() }))
  app.patch('/devices/:id', async (context) => {
    const changes = parseInput(patchDeviceSchema, await readJson(context))
    const id = context.req.param('id')
    const caller = context.get('caller')
    // A device that lowers or removes itself would be cut off before it heard the answer.
    if (changes.role !== undefined && caller.kind === 'device' && caller.deviceId === id)
      throw new SiloError('last_owner')
    const { name, role } = changes
    const device = link.patchDevice(id, { ...(name ? { name } : {}), ...(role ? { role } : {}) })
    return context.json({ device })
  })
  app.delete('/devices/:id', (context) => {
    const id = context.req.param('id')
    const caller = context.get('caller')
    if (caller.kind === 'device' && caller.deviceId === id) throw new SiloError('last_owner')
    link.removeDevice(id)
    return context.body(null, 204)
  })

  app.get('/peers', (context) => context.json({ peers: link.peers() }))
  app.post('/peers', async (context) => {
    const { address } = parseInput(pinPeerSchema, await readJson(context))
    return context.json({ peer: await link.pin(address, context.req.raw.signal) }, 201)
  })
  app.delete('/peers/:id', (context) => {
    link.forgetPeer(context.req.param('id'))
    return context.body(null, 204)
  })
  return app
}
