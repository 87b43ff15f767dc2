import { createHash, hash } from 'node:crypto'

/** Tokens per link of a chain. A page is found to within so many tokens. */
export const blockTokens = 64
/** Hexadecimal digits kept of each link. */
const linkLength = 16

/**
 * Hashes of the prefixes of `tokens` whose lengths are multiples of `blockTokens`: equal links, from the first on,
 * mean equal prefixes.
 */
export function tokenChain(tokens: Uint32Array): string[] {
  const links: string[] = []
  let link = ''
  for (let end = blockTokens; end <= tokens.length; end += blockTokens) {
    link = createHash('sha256')
      .update(link)
      .update(bytesOf(tokens.subarray(end - blockTokens, end)))
      .digest('hex')
      .slice(0, linkLength)
    links.push(link)
  }
  return links
}

/** Names exactly these tokens. */
export function tokensId(tokens: Uint32Array): string {
  return hash('sha256', bytesOf(tokens)).slice(0, 32)
}

/** How many links two chains have in common from the first on. */
export function commonLinks(a: readonly string[], b: readonly string[]): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}

function bytesOf(tokens: Uint32Array): Uint8Array {
  return new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength)
}
