/**
 * What is written into the sandboxed frame: the artifact, with a reporter of script errors ahead of its own
 * scripts. The frame's policy (no network, foreign origin) comes from the companion with artifact-frame.html.
 */
export function frameDocument(html: string): string {
  const reporter =
    `<script>addEventListener('error',function(e){parent.postMessage({silo:'frame-error',` +
    `message:String(e.message).slice(0,300)},'*')})</` +
    `script>`
  const doctype = /^\s*<!doctype[^>]*>/i.exec(html)?.[0] ?? '<!doctype html>'
  return `${doctype}${reporter}${html.replace(/^\s*<!doctype[^>]*>/i, '')}`
}
