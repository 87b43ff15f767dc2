import { once } from 'node:events'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { WorkerProcess } from '#companion/process/worker-process.ts'

/** Engines, readers of documents and recognisers of text are such processes. */
it('a process that computes for the companion reaches nothing, not even this computer', async () => {
  let connections = 0
  const server = net.createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const answer = Promise.withResolvers<unknown>()
  const worker = new WorkerProcess({
    path: fileURLToPath(new URL('worker-network.child.ts', import.meta.url)),
    name: 'test',
    environment: {},
    log: silentLog,
    onMessage: answer.resolve,
    onExit: (how) => answer.reject(new Error(how)),
  })
  try {
    worker.send({ port }, answer.reject)
    const refused = 'egress_refused'
    expect(await answer.promise).toEqual({ connect: refused, fetch: refused, outside: refused, lookup: refused, thread: refused }) // prettier-ignore
    expect(connections).toBe(0)
  } finally {
    await worker.close()
    server.close()
  }
})
