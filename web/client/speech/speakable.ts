/** Longest piece a browser is given at once: Chrome falls silent after about 15 seconds. Characters. */
const longest = { latin: 200, han: 70 }
const han = /[\u3400-\u9fff]/

/** One piece of what is read aloud. */
export interface Utterance {
  readonly text: string
  readonly language: 'zh' | 'en'
}

/** Markdown as a person would read it out: words only, sentence by sentence. */
export function utterances(markdown: string, usual: 'zh' | 'en'): Utterance[] {
  return speakable(markdown)
    .split('\n')
    .flatMap((line) => pieces(line))
    .filter((text) => /[\p{L}\p{N}]/u.test(text))
    .map((text) => ({ text, language: languageOf(text, usual) }))
}

/** Markdown without its marks; code blocks, formulas and addresses are left out. */
export function speakable(markdown: string): string {
  return markdown
    .replace(/^ {0,3}(`{3,}|~{3,})[^\n]*\n[\s\S]*?(^ {0,3}\1[`~]*[ \t]*$|$(?![\s\S]))/gm, '')
    .replace(/\$\$[\s\S]*?\$\$/g, '')
    .replace(/<[^>\n]+>/g, '')
    .replace(/!\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\[(\d+(,\s*\d+)*)\](?!\()/g, '')
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replace(/https?:\/\/\S+/g, '')
    .replace(/^[ \t]*\|?[ \t:|-]*-{3}[ \t:|-]*$/gm, '')
    .replace(/^[ \t]*\||\|[ \t]*$/gm, '')
    .replace(/[ \t]*\|[ \t]*/g, ', ')
    .replace(/^[ \t]*(#{1,6}\s+|>\s?|[-*+]\s+(\[[ x]\]\s+)?|\d+[.)]\s+)/gim, '')
    .replace(/^[ \t]*([-*_][ \t]*){3,}$/gm, '')
    .replace(/(\*\*|__|~~|`+)/g, '')
    .replace(/(^|[^\p{L}\p{N}])[*_]([^*_\n]+)[*_](?![\p{L}\p{N}])/gu, '$1$2')
    .replace(/[ \t]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .trim()
}

function languageOf(text: string, usual: 'zh' | 'en'): 'zh' | 'en' {
  if (han.test(text)) return 'zh'
  return /[a-z]{2}/i.test(text) ? 'en' : usual
}

/** Sentences; too long ones are split at commas, then at spaces, then anywhere. */
function pieces(line: string): string[] {
  const most = han.test(line) ? longest.han : longest.latin
  return line
    .split(/(?<=[.!?…])\s+|(?<=[。！？；])/u)
    .flatMap((sentence) => shortened(sentence.trim(), most))
    .filter(Boolean)
}

function shortened(sentence: string, most: number): string[] {
  if (sentence.length <= most) return [sentence]
  const head = sentence.slice(0, most)
  const at = [/[,;:，；：、][^,;:，；：、]*$/, /\s\S*$/].map((end) => head.search(end) + 1)
  const cut = at.find((index) => index > most / 3) ?? most
  return [sentence.slice(0, cut).trim(), ...shortened(sentence.slice(cut).trim(), most)]
}
