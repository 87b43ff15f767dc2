import dgram from 'node:dgram'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { hostname } from 'node:os'
import { SiloError } from '#shared/errors/silo-error.ts'
import { guardNames } from './guarded-names.ts'
import { guardFetch } from './guarded-fetch.ts'
import { bareHost, isOwnName, isPublic, placeOf, type Place } from './house.ts'
import { outgoing, type Announcement, type Outgoing } from './outbound.ts'

/**
 * The one way out of this process. Node's sockets, datagrams and name look-ups pass here, whoever uses them: what is
 * not in this house and was not announced is refused before a packet leaves. Native libraries with sockets of their own
 * do not pass; the only one is WebRTC, which answers devices that came to us and asks no server.
 */

/** A connection that is about to be made. */
export interface Attempt {
  readonly host: string
  /** Known for addresses; a name is taken for outside until it has led somewhere. */
  readonly place: Place
  readonly outgoing: Outgoing | undefined
  /** The announcement that speaks for this host. */
  readonly announcement: Announcement | undefined
}

/** A connection while it is open. */
export interface Flow {
  /** Where it led. */
  reached(place: Place): void
  /** The bytes that have gone by in all. */
  readonly moved: () => { sent: number; received: number }
  readonly attempt: Attempt
  end(error?: Error): void
}

/** Who decides about connections, and records them. */
export interface Watcher {
  /** Refuses by throwing. */
  permit(attempt: Attempt): void
  refused(attempt: Attempt, reason: unknown): void
  /** A connection is about to be made. A throw refuses it: what cannot be recorded does not leave. */
  opening(attempt: Attempt): void
  opened(flow: Flow): void
  closed(flow: Flow): void
  datagram(attempt: Attempt, bytes: number): void
}

const watchers = new Set<Watcher>()
let installed = false

/** Watches everything that leaves this process from now on. @returns what ends it */
export function watchOutbound(watcher: Watcher): () => void {
  watchers.add(watcher)
  if (!installed) {
    installed = true
    install()
  }
  return () => void watchers.delete(watcher)
}

/** Decides about a host without connecting. @throws SiloError egress_refused, switch_off */
export function requireExit(host: string): void {
  if (watchers.size > 0) permit(attemptAt(host), false)
}

function attemptAt(named: string): Attempt {
  const host = bareHost(named)
  const out = outgoing()
  const own = isOwnName(host) || host === '' || host === hostname().toLowerCase()
  const place = own ? 'self' : placeOf(host)
  const { announcement } = out ?? {}
  const speaks = announcement && (announcement.redirects || bareHost(announcement.host) === host)
  return { host, place, outgoing: out, announcement: speaks ? announcement : undefined }
}

/** The ledger that the work names, or all of them. */
function watching({ outgoing: out }: Attempt): Watcher[] {
  const { ledger } = out ?? {}
  return ledger && watchers.has(ledger as Watcher) ? [ledger as Watcher] : [...watchers]
}

function permit(attempt: Attempt, isConnection = true): Watcher[] {
  const { announcement, place, host } = attempt
  const asked = watching(attempt)
  try {
    const strict = attempt.outgoing?.announcement?.publicOnly
    if (!announcement && (place === 'outside' || strict))
      throw new SiloError('egress_refused', { params: { host } })
    if (announcement?.publicOnly && (place !== 'outside' || (net.isIP(host) && !isPublic(host))))
      throw new SiloError('egress_refused', { params: { host } })
    for (const watcher of asked) {
      watcher.permit(attempt)
      if (isConnection) watcher.opening(attempt)
    }
  } catch (error) {
    for (const watcher of asked) watcher.refused(attempt, error)
    throw error
  }
  return asked
}

function install(): void {
  guardNames((host) => requireExit(host), () => watchers.size > 0) // prettier-ignore
  guardFetch((host) => requireExit(host), () => watchers.size > 0) // prettier-ignore
  // Kept connections pass no guard.
  http.globalAgent = new http.Agent({ keepAlive: false })
  https.globalAgent = new https.Agent({ keepAlive: false })
  guardSockets()
  guardDatagrams()
}

type Connect = typeof net.Socket.prototype.connect
interface ConnectOptions {
  host?: string
  port?: number | string
  path?: string
  lookup?: net.LookupFunction
}

function guardSockets(): void {
  const { connect } = net.Socket.prototype
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
    const options = watchers.size > 0 ? optionsOf(args) : undefined
    if (!options) return connect.apply(this, args as Parameters<Connect>)
    const attempt = attemptAt(options.host ?? 'localhost')
    let asked: Watcher[]
    try {
      asked = permit(attempt)
    } catch (error) {
      process.nextTick(() => this.destroy(error as Error))
      return this
    }
    if (attempt.announcement?.publicOnly) options.lookup = publicLookup(options.lookup, attempt.host) // prettier-ignore
    watch(this, attempt, asked)
    return connect.apply(this, args as Parameters<Connect>)
  } as Connect
}

/** The options within what `connect` was called with; undefined for a path in the file system. They may be written to. */
function optionsOf(args: unknown[]): ConnectOptions | undefined {
  const [first, second] = args
  // What `net.connect` hands on is a list of its own.
  if (Array.isArray(first)) {
    first[0] = { ...(first[0] as ConnectOptions) }
    return withHost(first[0] as ConnectOptions)
  }
  if (typeof first === 'object' && first !== null) {
    args[0] = { ...first }
    return withHost(args[0] as ConnectOptions)
  }
  const isPort = typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first))
  if (!isPort) return undefined
  args[0] = { port: Number(first), ...(typeof second === 'string' ? { host: second } : {}) }
  if (typeof second === 'string') args.splice(1, 1)
  return args[0] as ConnectOptions
}

function withHost(options: ConnectOptions): ConnectOptions | undefined {
  return options.path ? undefined : options
}

/** A look-up whose answers are checked: a public name that means a private address is refused at the moment of use. */
function publicLookup(given: net.LookupFunction | undefined, host: string): net.LookupFunction {
  return (name, options, callback) => {
    const look = given ?? (lookupNow as net.LookupFunction)
    look(name, options, (error, address, family) => {
      const found = Array.isArray(address) ? address.map((each) => each.address) : [address]
      const inside = !error && found.find((each) => !isPublic(String(each)))
      if (inside === undefined || inside === false) return callback(error, address, family)
      callback(new SiloError('egress_refused', { params: { host } }), [], undefined)
    })
  }
}
const lookupNow: net.LookupFunction = (name, options, callback) =>
  void import('node:dns').then(({ default: dns }) => dns.lookup(name, options, callback as never))

function watch(socket: net.Socket, attempt: Attempt, asked: readonly Watcher[]): void {
  const flow: Flow = {
    attempt,
    reached() {},
    moved: () => ({ sent: socket.bytesWritten ?? 0, received: socket.bytesRead }),
    end: (error) => void socket.destroy(error),
  }
  for (const watcher of asked) {
    const own: Flow = { ...flow }
    watcher.opened(own)
    socket.once('connect', () => own.reached(placeOf(socket.remoteAddress ?? '')))
    socket.once('close', () => watcher.closed(own))
  }
}

type Send = typeof dgram.Socket.prototype.send

function guardDatagrams(): void {
  const { send, connect } = dgram.Socket.prototype
  dgram.Socket.prototype.send = function (this: dgram.Socket, ...args: unknown[]) {
    if (watchers.size === 0) return send.apply(this, args as Parameters<Send>)
    const [message, offset, length] = args
    const named = args.slice(1).find((each): each is string => typeof each === 'string')
    const attempt = attemptAt(named ?? remoteOf(this) ?? 'localhost')
    try {
      const asked = permit(attempt, false)
      // With a port before the address, offset and length are not there.
      const part = typeof offset === 'number' && typeof length === 'number' && args.length > 3
      const bytes = part && typeof args[3] === 'number' ? length : sizeOf(message)
      for (const watcher of asked) watcher.datagram(attempt, bytes)
    } catch (error) {
      const done = args.at(-1)
      if (typeof done === 'function') process.nextTick(() => void done(error))
      else process.nextTick(() => this.emit('error', error))
      return
    }
    return send.apply(this, args as Parameters<Send>)
  } as Send
  dgram.Socket.prototype.connect = function (this: dgram.Socket, ...args: unknown[]) {
    if (watchers.size > 0 && typeof args[1] === 'string') permit(attemptAt(args[1]), false)
    return connect.apply(this, args as Parameters<typeof connect>)
  } as typeof connect
}

function remoteOf(socket: dgram.Socket): string | undefined {
  try {
    return socket.remoteAddress().address
  } catch {
    return undefined
  }
}

function sizeOf(message: unknown): number {
  if (typeof message === 'string') return Buffer.byteLength(message)
  if (Array.isArray(message)) return message.reduce((sum: number, each) => sum + sizeOf(each), 0)
  return ArrayBuffer.isView(message) ? message.byteLength : 0
}
