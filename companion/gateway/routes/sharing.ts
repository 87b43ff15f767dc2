import { Hono } from 'hono'
import type { GatewayContext, GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import { rightsOf } from '../rights.ts'
import type { GatewayServices } from '../services.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { createGroupSchema, patchGroupSchema, putSharingSchema } from '#shared/protocol/sharing.ts'

/** Who may use a collection, and the groups that can be named there. */
export function sharingRoutes(services: Pick<GatewayServices, 'team'>): Hono<GatewayEnv> {
  const { sharing, policies } = services.team
  const app = new Hono<GatewayEnv>()

  app.get('/collections/:id/sharing', (context) => {
    const { device } = rightsOf(context, services)
    return context.json({ sharing: sharing.view(context.req.param('id'), { device }) })
  })

  app.put('/collections/:id/sharing', async (context) => {
    const change = parseInput(putSharingSchema, await readJson(context))
    const { device, asker } = rightsOf(context, services)
    const { signal } = context.req.raw
    const id = context.req.param('id')
    return context.json({ sharing: await sharing.change(id, { device, line: asker }, change, signal) }) // prettier-ignore
  })

  /** Groups are part of what is granted, so their changes are in the log beside the grants. */
  const note = (context: GatewayContext, groupId: string, detail: string): void => {
    const collectionIds = policies.list().flatMap(({ policy }) => policy.groups.some(({ id }) => id === groupId) ? [policy.collectionId] : []) // prettier-ignore
    rightsOf(context, services).note({ action: 'grant', collectionIds, allowed: true, detail })
  }

  app.get('/groups', (context) => context.json({ groups: policies.groups() }))

  app.post('/groups', async (context) => {
    const group = parseInput(createGroupSchema, await readJson(context))
    const known = policies.groups().find(({ id }) => id === group.id)
    if (!known) {
      policies.putGroup({ ...group, members: [...new Set(group.members)] })
      note(context, group.id, `+ ${group.name}`)
    }
    const made = policies.groups().find(({ id }) => id === group.id)!
    return context.json({ group: made }, 201)
  })

  app.patch('/groups/:id', async (context) => {
    const { name, members } = parseInput(patchGroupSchema, await readJson(context))
    const known = policies.groups().find(({ id }) => id === context.req.param('id'))
    if (!known) throw new SiloError('group_unknown')
    const group = {
      id: known.id,
      name: name ?? known.name,
      members: members ? [...new Set(members)] : known.members,
    }
    policies.putGroup(group)
    note(context, group.id, `${group.name}: ${group.members.length}`)
    return context.json({ group })
  })

  app.delete('/groups/:id', (context) => {
    const id = context.req.param('id')
    const known = policies.groups().find((group) => group.id === id)
    if (!known) throw new SiloError('group_unknown')
    note(context, id, `− ${known.name}`)
    policies.removeGroup(id)
    return context.body(null, 204)
  })
  return app
}
