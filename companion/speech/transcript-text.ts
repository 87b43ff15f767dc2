/** What recognisers write for sounds that are no words: `[MUSIC]`, `(applause)`, `*sighs*`, `♪`. */
const sounds = /\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】|\*[^*]*\*|[♪♫]+/g

/** The words of a segment, trimmed; empty where it is a note about sounds and nothing else. */
export function wordsOf(segment: string): string {
  const text = segment.trim()
  return text.replace(sounds, '').trim() === '' ? '' : text
}

/** Segments as one text: spaces between words, none between Chinese characters. */
export function joined(segments: readonly string[]): string {
  let text = ''
  for (const segment of segments) {
    const tight =
      /[\u2e80-\u9fff\uff00-\uffef]$/.test(text) && /^[\u2e80-\u9fff\uff00-\uffef]/.test(segment)
    text += text === '' || tight ? segment : ` ${segment}`
  }
  return text
}
