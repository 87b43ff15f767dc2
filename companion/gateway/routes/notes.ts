import { Hono } from 'hono'
import type { GatewayEnv } from '../environment.ts'
import { readJson } from '../openai/body.ts'
import type { Notes } from '#companion/notes/notes.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import {
  createFolderSchema,
  createNoteSchema,
  deleteNoteQuerySchema,
  folderQuerySchema,
  moveFolderSchema,
  moveNoteSchema,
  notePathQuerySchema,
  notesQuerySchema,
  putNoteSchema,
  resolveConflictSchema,
} from '#shared/protocol/notes.ts'

/** Notes, their folders, the trash, and conflict copies. */
export function notesRoutes(notes: Notes): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()

  app.get('/notes', async (context) =>
    context.json(await notes.list(parseInput(notesQuerySchema, context.req.query()))),
  )

  app.post('/notes', async (context) => {
    const request = parseInput(createNoteSchema, await readJson(context))
    return context.json({ note: await notes.create(request) }, 201)
  })

  app.get('/notes/note', async (context) => {
    const { path } = parseInput(notePathQuerySchema, context.req.query())
    return context.json({ note: await notes.read(path) })
  })

  app.put('/notes/note', async (context) => {
    const { path } = parseInput(notePathQuerySchema, context.req.query())
    const request = parseInput(putNoteSchema, await readJson(context))
    try {
      return context.json({ note: await notes.put(path, request) })
    } catch (error) {
      if (!(error instanceof SiloError && error.code === 'note_conflict')) throw error
      // With the other version, so that both can be put side by side at once.
      const note = (await notes.current(path)) ?? null
      return context.json({ error: toWire(error), note }, 409)
    }
  })

  app.delete('/notes/note', async (context) => {
    const { path, version } = parseInput(deleteNoteQuerySchema, context.req.query())
    return context.json({ trashed: await notes.remove(path, version) })
  })

  app.post('/notes/move', async (context) => {
    const { from, to } = parseInput(moveNoteSchema, await readJson(context))
    return context.json(await notes.move(from, to))
  })

  app.post('/notes/folders', async (context) => {
    const { path } = parseInput(createFolderSchema, await readJson(context))
    await notes.createFolder(path)
    return context.json({ path }, 201)
  })

  app.post('/notes/folders/move', async (context) => {
    const { from, to } = parseInput(moveFolderSchema, await readJson(context))
    return context.json(await notes.moveFolder(from, to))
  })

  app.delete('/notes/folders', async (context) => {
    const { path } = parseInput(folderQuerySchema, context.req.query())
    return context.json({ trashed: await notes.removeFolder(path) })
  })

  app.get('/notes/trash', async (context) => context.json({ trashed: await notes.trashed() }))

  app.post('/notes/trash/:id/restore', async (context) =>
    context.json({ path: await notes.restore(context.req.param('id')) }),
  )

  app.delete('/notes/trash/:id', async (context) => {
    await notes.emptyTrash(context.req.param('id'))
    return context.body(null, 204)
  })

  app.delete('/notes/trash', async (context) => {
    await notes.emptyTrash()
    return context.body(null, 204)
  })

  app.get('/notes/conflicts', async (context) =>
    context.json({ conflicts: await notes.conflicts() }),
  )

  app.post('/notes/conflicts/resolve', async (context) => {
    const request = parseInput(resolveConflictSchema, await readJson(context))
    return context.json({ note: await notes.resolve(request) })
  })
  return app
}
