/**
 * A guess at the tokens of multilingual e5 (SentencePiece, 250k words), on the high side: the vault cuts by
 * it, and a text that the engine still finds too long is embedded by its beginning.
 */
export function guessTokens(text: string): number {
  let tokens = 0
  for (const [run] of text.matchAll(pieces)) {
    const code = run.codePointAt(0)!
    if (isWide(code)) tokens += run.length * 0.85
    else if (code >= 48 && code <= 57) tokens += Math.ceil(run.length / 2)
    else if (/^\p{L}/u.test(run)) tokens += 0.6 + run.length / 4.2
    else tokens += 1
  }
  return Math.ceil(tokens)
}

const pieces = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+|\d+|\p{L}+|[^\s\p{L}\d]/gu

function isWide(code: number): boolean {
  return code >= 0x2e80 && code <= 0xffef
}
