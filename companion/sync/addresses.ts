export interface SyncAddress {
  readonly host: string
  readonly port: number
}

/** Where Syncthing listens unless told. */
export const syncthingPort = 22_000

/** `tcp://HOST:PORT`, `HOST:PORT`, `HOST`, with IPv6 in brackets. Undefined for `dynamic` and what is not TCP. */
export function parseSyncAddress(text: string): SyncAddress | undefined {
  if (text === 'dynamic') return undefined
  const found = /^(?:tcp[46]?:\/\/)?(\[[0-9a-fA-F:.%\w]+\]|[^\s/:[\]]+)(?::(\d{1,5}))?\/?$/u.exec(
    text,
  )
  if (!found) return undefined
  const port = found[2] === undefined ? syncthingPort : Number(found[2])
  if (port < 1 || port > 65_535) return undefined
  return { host: found[1]!.replace(/^\[|\]$/g, ''), port }
}
