import embed, { type EmbedOptions, type VisualizationSpec } from 'vega-embed'
import { expressionInterpreter } from 'vega-interpreter'

/**
 * Draws a Vega or Vega-Lite specification. Expressions are interpreted, not compiled (the page forbids eval),
 * and data must be inline: nothing is loaded. Returns the way to take it down.
 * @throws what is wrong with the specification
 */
export async function drawChart(
  host: HTMLElement,
  source: string,
  dark: boolean,
): Promise<() => void> {
  const spec = JSON.parse(source) as VisualizationSpec
  // A specification could override the options below, the loader among them.
  delete spec.usermeta
  // A single view without a size of its own takes the width of the pane.
  if ('mark' in spec && !('width' in spec)) Object.assign(spec, { width: 'container', height: 320 })
  const options: EmbedOptions = {
    actions: false,
    ast: true,
    expr: expressionInterpreter,
    renderer: 'svg',
    loader: {
      load: () => Promise.reject(new Error('only inline data')),
      sanitize: () => Promise.reject(new Error('only inline data')),
      http: () => Promise.reject(new Error('only inline data')),
      file: () => Promise.reject(new Error('only inline data')),
    },
    config: colours(dark),
  }
  const result = await embed(host, spec, options)
  return () => result.finalize()
}

function colours(dark: boolean) {
  const text = dark ? '#a9a9a4' : '#50504c'
  const line = dark ? '#333333' : '#cfcfc9'
  const axis = {
    labelColor: text,
    titleColor: text,
    gridColor: line,
    domainColor: line,
    tickColor: line,
  }
  return {
    background: 'transparent',
    axis,
    legend: { labelColor: text, titleColor: text },
    title: { color: dark ? '#ececea' : '#1a1a1a' },
    mark: { color: '#ffbf00' },
    view: { stroke: line },
    range: { category: ['#ffbf00', '#7fb069', '#5b9bd5', '#ff7a1a', '#b07fb0', '#8b8b86'] },
  }
}
