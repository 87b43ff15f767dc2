import { createHash } from 'node:crypto'
import type { Language } from '#shared/errors/silo-error.ts'
import { installTexts, systems, type System, type SystemTexts } from './install-texts.ts'

export interface InstallPage {
  readonly language: Language
  /** The system to unfold: the one the page is read on. */
  readonly system: System | undefined
  /** Of the authority's certificate, `AB:CD:…`. */
  readonly fingerprint: string
  /** The authority's name, and the app's address. */
  readonly authority: string
  readonly appUrl: string
  /** The app's address by name, where there is one and the page was opened by number. */
  readonly stableUrl: string | undefined
}

const style = `
:root{color-scheme:dark;--line:#333;--dim:#a9a9a4;--amber:#ffbf00}
*{box-sizing:border-box}
body{margin:0;background:#1a1a1a;color:#ececea;font:16px/1.55 system-ui,-apple-system,'Segoe UI','Noto Sans','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif}
a{color:var(--amber)}
:focus-visible{outline:2px solid var(--amber);outline-offset:2px}
header,main{max-width:42rem;margin:0 auto;padding:0 20px}
header{display:flex;align-items:center;gap:10px;min-height:56px;font-weight:600;letter-spacing:.02em}
header nav{margin-left:auto;display:flex;gap:4px}
header nav a{padding:8px 10px;color:var(--dim);font-weight:400;text-decoration:none;border:1px solid transparent}
header nav a[aria-current]{color:#ececea;border-color:var(--line)}
main{padding-bottom:48px}
h1{font-size:1.5rem;line-height:1.25;margin:16px 0 8px}
h2{display:flex;gap:10px;align-items:baseline;font-size:1.05rem;margin:32px 0 8px}
h2 span{font:600 .8rem ui-monospace,'SF Mono','Cascadia Mono','DejaVu Sans Mono',monospace;color:var(--amber);border:1px solid #ffbf0066;padding:0 7px}
h3{font-size:.875rem;margin:16px 0 4px;color:var(--dim);font-weight:600}
p{margin:8px 0}
.dim{color:var(--dim)}
.print{display:grid;grid-template-columns:repeat(4,1fr);gap:2px 12px;max-width:24rem;margin:12px 0;padding:14px 16px;background:#141414;border:1px solid var(--line);border-left:2px solid var(--amber);font:1rem/1.7 ui-monospace,'SF Mono','Cascadia Mono','DejaVu Sans Mono',monospace}
details{border:1px solid var(--line);margin-top:-1px;background:#202020}
summary{padding:13px 16px;cursor:pointer;font-weight:600}
details[open]>summary{border-bottom:1px solid var(--line)}
details>div{padding:8px 16px 16px}
ol{margin:8px 0;padding-left:1.4em}
li{margin:6px 0}
ul{margin:8px 0;padding-left:1.2em}
b{font-weight:600}
code{font:.875em ui-monospace,'SF Mono','Cascadia Mono','DejaVu Sans Mono',monospace;background:#141414;border:1px solid var(--line);padding:1px 5px;overflow-wrap:anywhere}
.button{display:inline-block;margin:10px 0 6px;padding:11px 18px;border:1px solid var(--amber);color:var(--amber);text-decoration:none;font-weight:600;border-radius:2px}
.open{background:var(--amber);color:#1a1a1a}
.button:hover{filter:brightness(1.1)}
`

const logo =
  '<svg width="28" height="28" viewBox="0 0 32 32" fill="none" aria-hidden="true"><path d="M16 1.8 28.3 8.9v14.2L16 30.2 3.7 23.1V8.9z" stroke="#ffbf00" stroke-width="1.6"/><circle cx="16" cy="16" r="8" stroke="#ececea" stroke-width="1.6"/><circle cx="16" cy="16" r="3.2" fill="#ffbf00"/><path d="M16 8v4.8M16 19.2V24M8 16h4.8M19.2 16H24" stroke="#8b8b86"/></svg>'

/** The page's own policy: its style sheet by hash, and nothing else at all. */
export const installPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page that explains, for each system, how to trust the companion's certificate and how to end that. */
export function renderInstallPage(page: InstallPage): string {
  const texts = installTexts[page.language]
  const order = page.system
    ? [page.system, ...systems.filter((system) => system !== page.system)]
    : systems
  const languages = (['zh', 'en'] as const).map(
    (language) =>
      `<a href="?lang=${language}" lang="${language}"${language === page.language ? ' aria-current="true"' : ''}>${language === 'zh' ? '中文' : 'English'}</a>`,
  )
  return `<!doctype html>
<html lang="${page.language === 'zh' ? 'zh-CN' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="theme-color" content="#1a1a1a">
<title>Silo · ${texts.title}</title>
<style>${style}</style>
</head>
<body>
<header>${logo}<span>Silo</span><nav>${languages.join('')}</nav></header>
<main>
<h1>${texts.title}</h1>
<p class="dim">${texts.lead}</p>
<h2><span>1</span>${texts.step1}</h2>
<div class="print" role="img" aria-label="SHA-256 ${escape(page.fingerprint)}">${fingerprintCells(page.fingerprint)}</div>
<p>${texts.compare}</p>
<p class="dim">SHA-256 · ${escape(page.authority)}</p>
<h2><span>2</span>${texts.step2}</h2>
${order.map((system) => systemSection(texts.systems[system], system === page.system, texts)).join('\n')}
<p class="dim">${texts.otherFiles} <a href="/silo-ca.crt">DER (.crt)</a> · <a href="/silo-ca.pem">PEM</a> · <a href="/silo-ca.mobileconfig">Apple (.mobileconfig)</a></p>
<h2><span>3</span>${texts.step3}</h2>
<a class="button open" href="${escape(page.stableUrl ?? page.appUrl)}">${texts.open}</a>
${page.stableUrl === undefined ? '' : `<p>${texts.byNumber} <a href="${escape(page.appUrl)}">${escape(page.appUrl)}</a></p>`}
<p class="dim">${texts.openHint}</p>
<p>${marked(texts.addToHome)}</p>
<h2>${texts.aboutTitle}</h2>
<ul>${texts.about.map((line) => `<li>${line}</li>`).join('')}</ul>
</main>
</body>
</html>
`
}

function systemSection(
  system: SystemTexts,
  open: boolean,
  texts: { checkTitle: string; removeTitle: string },
): string {
  const list = (steps: readonly string[]) =>
    steps.length === 1
      ? `<p>${marked(steps[0]!)}</p>`
      : `<ol>${steps.map((step) => `<li>${marked(step)}</li>`).join('')}</ol>`
  return `<details${open ? ' open' : ''}><summary>${system.title}</summary><div>
<a class="button" href="/${system.file}">${system.button}</a>
${list(system.install)}
<h3>${texts.checkTitle}</h3><p>${marked(system.check)}</p>
<h3>${texts.removeTitle}</h3>${list(system.remove)}
</div></details>`
}

/** Groups of two bytes, which are easier to compare. */
function fingerprintCells(fingerprint: string): string {
  const groups = fingerprint.match(/..:..(?=:|$)/g) ?? [fingerprint]
  return groups.map((group) => `<span>${escape(group)}</span>`).join('')
}

/** `[…]` is what stands on the screen, backquotes are what is typed. */
function marked(text: string): string {
  return escape(text)
    .replace(/\[([^\]]+)\]/g, '<b>$1</b>')
    .replace(/`([^`]+)`/g, '<code>$1</code>')
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
