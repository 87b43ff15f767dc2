import katex from 'katex'
import 'katex/dist/katex.min.css'

/** TeX to HTML. What cannot be drawn is shown as it was written. */
export function drawMath(tex: string, displayMode: boolean): string {
  return katex.renderToString(tex, {
    displayMode,
    throwOnError: false,
    trust: false,
    strict: false,
  })
}
