import type { Transport } from '#shared/contracts/transport.ts'
import { newId } from '#shared/domain/ids.ts'
import { decodeInvitation } from '#shared/protocol/pairing.ts'
import { streamMessageSchema } from '#shared/protocol/stream.ts'
import { readEvents } from '#web/client/sse.ts'
import { roadOf } from '#web/transports/addresses.ts'
import { connect } from '#web/transports/connect.ts'
import { loopbackHttp } from '#web/transports/loopback-http.ts'
import { pairByLink } from '#web/transports/pair.ts'
import * as v from 'valibot'

/** What the link benchmark does in the page: the app's own transports, without the app. */
export type RoadName = 'loopback' | 'webrtc' | 'websocket'

const partBytes = 8 * 1024 * 1024
const limit = (ms = 120_000) => AbortSignal.timeout(ms)
const roads = new Map<RoadName, Transport>([['loopback', loopbackHttp()]])
let companion: { id: string; addresses: string[] } | undefined

/** Pairs and opens both roads of libp2p. */
async function open(link: string): Promise<void> {
  const as = { name: 'bench', signal: limit() }
  companion = (await pairByLink(decodeInvitation(link), as)).companion
  await redial('webrtc')
  await redial('websocket')
}

async function redial(kind: 'webrtc' | 'websocket', through?: number): Promise<void> {
  const { id, addresses } = companion!
  const own = addresses.filter((address) => roadOf(address) === kind)
  const chosen = through === undefined ? own : own.map((address) => viaRelay(address, through))
  roads.set(kind, (await connect({ id, addresses: chosen }, limit(30_000))).transport)
}

const viaRelay = (address: string, port: number): string =>
  address.replace(/^\/ip4\/[^/]+/, '/ip4/127.0.0.1').replace(/\/(tcp|udp)\/\d+/, `/$1/${port}`)

const road = (name: RoadName): Transport => roads.get(name)!

async function json(
  name: RoadName,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const request = body === undefined ? { method, path } : { method, path, headers, body: JSON.stringify(body) } // prettier-ignore
  const response = await road(name).request(request, limit())
  if (!response.ok)
    throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

/** Starts an answer and follows it as the app does. Words per second between the first and the last that was seen. */
async function tokens(name: RoadName): Promise<{ words: number; perSecond: number }> {
  const { events, run } = await stream(name)
  let text = ''
  let words = 0
  let first = 0
  let last = 0
  for await (const data of events) {
    const message = v.parse(streamMessageSchema, JSON.parse(data))
    if (message.type !== 'run-event' || message.event.runId !== run) continue
    const { body } = message.event
    if (body.type === 'run-ended') break
    if (body.type !== 'text-delta') continue
    text += body.text
    last = performance.now()
    if (first === 0) {
      first = last
      words = -text.split(/\s+/).length
    }
  }
  words += text.split(/\s+/).length
  return { words, perSecond: words / ((last - first) / 1000) }
}

/** The event stream, and a chat run in it. */
async function stream(name: RoadName): Promise<{ events: AsyncIterable<string>; run: string }> {
  const request = { method: 'GET', path: '/api/events', headers: { accept: 'text/event-stream' } }
  const response = await road(name).request(request, limit())
  const events = readEvents(response.body!)
  const [run, conversationId, question, answer] = [newId(), newId(), newId(), newId()]
  await json(name, 'POST', '/api/conversations', { id: conversationId })
  await json(name, 'POST', '/api/runs', {
    kind: 'chat',
    id: run,
    conversationId,
    userMessage: { id: question, parentId: null, text: 'Count.' },
    parentId: question,
    assistantMessageId: answer,
  })
  return { events, run }
}

/** Milliseconds of each of `count` small requests, one after the other. */
async function small(name: RoadName, count: number): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const start = performance.now()
    await json(name, 'GET', '/api/runs?active=1')
    times.push(performance.now() - start)
  }
  return times
}

/** MB/s of `bytes` of a file. */
async function download(name: RoadName, path: string, bytes: number): Promise<number> {
  const start = performance.now()
  const headers = { range: `bytes=0-${bytes - 1}` }
  const response = await road(name).request({ method: 'GET', path, headers }, limit())
  const reader = response.body!.getReader()
  let got = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    got += value.length
  }
  if (got !== bytes) throw new Error(`${got} of ${bytes} bytes came`)
  return bytes / 1000 / (performance.now() - start)
}

/** MB/s of `bytes` sent as an upload, in parts as the app sends them. */
async function upload(name: RoadName, collectionId: string, bytes: number): Promise<number> {
  const id = newId()
  await json(name, 'POST', '/api/uploads', { id, name: 'bench.bin', size: bytes, collectionId })
  const blob = new Blob([new Uint8Array(bytes)])
  const start = performance.now()
  for (let at = 0; at < bytes; at += partBytes) {
    const body = blob.slice(at, Math.min(bytes, at + partBytes))
    const response = await road(name).request({ method: 'PATCH', path: `/api/uploads/${id}?offset=${at}`, body }, limit()) // prettier-ignore
    if (!response.ok) throw new Error(`part at ${at}: ${response.status} ${await response.text()}`)
    await response.text()
  }
  const rate = bytes / 1000 / (performance.now() - start)
  await road(name).request({ method: 'DELETE', path: `/api/uploads/${id}` }, limit())
  return rate
}

/** MB/s from and to a bare WebSocket server: what this browser and machine can do. */
async function socket(url: string, direction: 'down' | 'up', bytes: number): Promise<number> {
  const socket = new WebSocket(`${url}/${direction}?bytes=${bytes}`)
  socket.binaryType = 'arraybuffer'
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  const start = performance.now()
  const done = new Promise<void>((resolve) => {
    let got = 0
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) => {
      got += typeof data === 'string' ? bytes : data.byteLength
      if (got >= bytes) resolve()
    })
  })
  if (direction === 'down') socket.send('go')
  else {
    const piece = new Uint8Array(64 * 1024)
    for (let sent = 0; sent < bytes; sent += piece.length) {
      socket.send(piece)
      while (socket.bufferedAmount > 4 * 1024 * 1024) await new Promise((resolve) => setTimeout(resolve)) // prettier-ignore
    }
  }
  await done
  socket.close()
  return bytes / 1000 / (performance.now() - start)
}

/**
 * Follows an answer over a road that breaks: when the loss was seen (ms since 1970), and how long it was from then to
 * the first event after it (ms).
 */
async function resume(
  name: 'webrtc' | 'websocket',
  port: number,
): Promise<{ lostAt: number; ms: number }> {
  await redial(name, port)
  const { events, run } = await stream(name)
  let last = -1
  for await (const data of events) {
    const message = v.parse(streamMessageSchema, JSON.parse(data))
    if (message.type !== 'run-event' || message.event.runId !== run) continue
    last = message.event.seq
    if (last > 5) break
  }
  document.title = 'cut'
  await road(name).closed
  const lostAt = Date.now()
  const lost = performance.now()
  await redial(name)
  const path = `/api/runs/${run}/events?after=${last}`
  const response = await road(name).request({ method: 'GET', path, headers: { accept: 'text/event-stream' } }, limit()) // prettier-ignore
  for await (const data of readEvents(response.body!)) {
    const { seq } = JSON.parse(data) as { seq: number }
    if (seq !== last + 1) throw new Error(`event ${seq} came after ${last}`)
    break
  }
  return { lostAt, ms: performance.now() - lost }
}

const page = { open, tokens, small, download, upload, socket, resume, json }
export type LinkPage = typeof page
Object.assign(globalThis, { linkPage: page })
