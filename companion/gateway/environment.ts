import type { Context } from 'hono'
import type { Caller } from './services.ts'

/** The server a request came in by, where it is not the one at the loopback address. */
export interface LanRoad {
  readonly port: number
  /** Is this name or address, lower case, one under which this server is reached? */
  accepts(hostName: string): boolean
}

/** What a road may pass beside the request: a caller it has authenticated itself, or under which names it is. */
export interface GatewayEnv {
  Bindings: { caller?: Caller; lan?: LanRoad }
  Variables: { caller: Caller }
}

export type GatewayContext = Context<GatewayEnv>
