import mermaid from 'mermaid'

let drawing: Promise<unknown> = Promise.resolve()
let count = 0

/** Mermaid source to SVG markup. One at a time: mermaid keeps global state. @throws what mermaid says of the source */
export function drawDiagram(source: string, dark: boolean): Promise<string> {
  const result = drawing.then(async () => {
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: 'strict',
      theme: dark ? 'dark' : 'neutral',
      fontFamily: 'inherit',
      suppressErrorRendering: true,
    })
    await mermaid.parse(source)
    return (await mermaid.render(`diagram-${++count}`, source)).svg
  })
  drawing = result.catch(() => {})
  return result
}
