/** A command as it could be typed: words that hold more than plain characters are quoted, nothing is hidden. */
export function shownArgv(argv: readonly string[]): string {
  return argv.map(quoted).join(' ')
}

function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  // What a terminal would act on, and what turns text around, is shown as what it is.
  // oxlint-disable-next-line no-control-regex -- these are what is to be shown
  const seen = word.replace(/[\u0000-\u0008\u000b-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`) // prettier-ignore
  return `'${seen.replaceAll("'", String.raw`'\''`)}'`
}
