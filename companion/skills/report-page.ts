import { formatBytes } from '#shared/domain/byte-size.ts'
import type { Language } from '#shared/errors/silo-error.ts'

/** What a report of a folder says. */
export interface Report {
  readonly title: string
  readonly summary: string
  readonly files: number
  /** Bytes. */
  readonly size: number
  readonly kinds: readonly { readonly kind: string; readonly files: number; readonly size: number }[]
  readonly documents: readonly { readonly name: string; readonly title?: string; readonly date: string; readonly size: number; readonly summary: string }[]
  /** Files that are not told of one by one. */
  readonly more: number
} // prettier-ignore

const texts = {
  en: { files: 'files', kinds: 'Kinds', kind: 'Kind', count: 'Files', size: 'Size', documents: 'Documents', more: (n: number) => `${n} more files are not described here.` }, // prettier-ignore
  zh: { files: '个文件', kinds: '类型', kind: '类型', count: '文件数', size: '大小', documents: '文档', more: (n: number) => `另有 ${n} 个文件未逐一说明。` }, // prettier-ignore
}

/** A page that needs nothing from anywhere: no script, no picture, no font. */
export function reportPage(report: Report, language: Language): string {
  const t = texts[language]
  const kinds = report.kinds.map(({ kind, files, size }) => `<tr><td>${html(kind)}</td><td>${files}</td><td>${formatBytes(size)}</td></tr>`) // prettier-ignore
  const cards = report.documents.map(({ name, title, date, size, summary }) => `<article><h3>${html(title ?? name)}</h3><p class="m">${html(name)} · ${date} · ${formatBytes(size)}</p><p>${html(summary)}</p></article>`) // prettier-ignore
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(report.title)}</title>
<style>
:root { color-scheme: light dark } * { box-sizing: border-box }
body { font: 15px/1.6 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 2rem 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem } h3 { font-size: 1rem; margin: 0 }
.m { color: GrayText; font-size: .85rem; margin: 0 } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid color-mix(in srgb, CanvasText 15%, transparent) }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums }
article { padding: .8rem 0; border-bottom: 1px solid color-mix(in srgb, CanvasText 15%, transparent); overflow-wrap: anywhere } article p { margin: .25rem 0 0 }
</style></head><body>
<h1>${html(report.title)}</h1>
<p class="m">${report.files} ${t.files} · ${formatBytes(report.size)}</p>
<p>${html(report.summary)}</p>
<h2>${t.kinds}</h2>
<table><thead><tr><th>${t.kind}</th><th>${t.count}</th><th>${t.size}</th></tr></thead><tbody>${kinds.join('')}</tbody></table>
<h2>${t.documents}</h2>
${cards.join('\n')}
${report.more > 0 ? `<p class="m">${t.more(report.more)}</p>` : ''}
</body></html>
`
}

/** The same as Markdown. */
export function reportMarkdown(report: Report, language: Language): string {
  const t = texts[language]
  const kinds = report.kinds.map(({ kind, files, size }) => `| ${plain(kind)} | ${files} | ${formatBytes(size)} |`) // prettier-ignore
  const cards = report.documents.map(({ name, title, date, size, summary }) => `### ${plain(title ?? name)}\n\n${plain(name)} · ${date} · ${formatBytes(size)}\n\n${plain(summary)}`) // prettier-ignore
  return [
    `# ${plain(report.title)}`,
    `${report.files} ${t.files} · ${formatBytes(report.size)}`,
    plain(report.summary),
    `## ${t.kinds}`,
    [`| ${t.kind} | ${t.count} | ${t.size} |`, '| --- | ---: | ---: |', ...kinds].join('\n'),
    `## ${t.documents}`,
    ...cards,
    ...(report.more > 0 ? [t.more(report.more)] : []),
  ].join('\n\n').concat('\n') // prettier-ignore
}

function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;') // prettier-ignore
}

/** Text that strangers wrote is neither a link nor a picture nor markup. */
function plain(text: string): string {
  return text.replace(/[\\`*_[\]<>|#!]/g, '\\$&').replace(/\s*\n\s*/g, ' ')
}
