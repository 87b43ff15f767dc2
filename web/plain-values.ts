/**
 * What the router needs of `devalue`, for an app without a server: it keeps the state of a page, which here is plain
 * JSON. The whole library is 5 kB of the first page, for values that nobody sends.
 */

export function stringify(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}

export function parse(text: string): unknown {
  return JSON.parse(text)
}

/** Data of a server's load functions. There is no server. */
export function unflatten(): never {
  throw new Error('Data from a server needs the devalue library: see web/first-page-plugin.ts')
}
export const uneval = unflatten
