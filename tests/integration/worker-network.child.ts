import net from 'node:net'
import { lookup } from 'node:dns/promises'
import { Worker } from 'node:worker_threads'

/** A child that tries every way out once it is asked, by itself and from a thread, and says what came of each. */
const tried = (work: () => Promise<unknown>): Promise<string> =>
  work().then(
    () => 'open',
    (error: Error & { code?: string; cause?: { code?: string } }) => String(error.cause?.code ?? error.code ?? error.message), // prettier-ignore
  )
const connect = (port: number) => () =>
  new Promise((resolve, reject) => {
    net.connect(port, '127.0.0.1').once('connect', resolve).once('error', reject)
  })

process.on('message', async ({ port }: { port: number }) => {
  const thread = new Worker(new URL('worker-network.thread.ts', import.meta.url), {
    workerData: port,
  })
  process.send!({
    connect: await tried(connect(port)),
    fetch: await tried(() => fetch(`http://127.0.0.1:${port}/`)),
    outside: await tried(() => fetch('https://example.org/')),
    lookup: await tried(() => lookup('example.org')),
    thread: await new Promise((resolve) => thread.once('message', resolve)),
  })
})
