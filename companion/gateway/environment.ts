import type { Context } from 'hono'
import type { Caller } from './services.ts'

/** What a road may pass beside the request: a caller it has authenticated itself. */
export interface GatewayEnv {
  Bindings: { caller?: Caller }
  Variables: { caller: Caller }
}

export type GatewayContext = Context<GatewayEnv>
