import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ModelServer {
  readonly url: string
  /** Beginnings of the ranges that were asked for; 0 without a range. */
  readonly starts: number[]
  /** How the next answers go wrong; `undefined` for well. */
  trouble: { cutAfter?: number; stallAfter?: number; ignoreRange?: boolean } | undefined
  content: Buffer
  close(): Promise<void>
}

/** A model hub on this machine: any path ending in `.gguf` is the file. */
export async function startModelServer(content: Buffer): Promise<ModelServer> {
  const starts: number[] = []
  const server: Server = createServer((request, response) => {
    if (!request.url?.endsWith('.gguf')) {
      response.writeHead(404).end()
      return
    }
    const { trouble, content } = model
    const etag = `"${createHash('sha256').update(content).digest('hex').slice(0, 16)}"`
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
    const valid = request.headers['if-range'] === undefined || request.headers['if-range'] === etag
    const start = range && valid && !trouble?.ignoreRange ? Number(range[1]) : 0
    starts.push(start)
    const body = content.subarray(start)
    response.writeHead(start > 0 ? 206 : 200, {
      etag,
      'content-length': body.length,
      ...(start > 0
        ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }
        : {}),
    })
    if (trouble?.cutAfter !== undefined) {
      response.write(body.subarray(0, trouble.cutAfter), () =>
        setTimeout(() => response.destroy(), 50),
      )
    } else if (trouble?.stallAfter !== undefined) {
      response.write(body.subarray(0, trouble.stallAfter))
    } else response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const model: ModelServer = {
    url: `http://127.0.0.1:${port}`,
    starts,
    trouble: undefined,
    content,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return model
}
