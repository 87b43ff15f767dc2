import { expect, it } from 'vitest'
import { engineContract } from '#tests/contracts/engine.ts'
import { WllamaEngine } from './engine.ts'

/** The real files, as the test server serves them. */
const url = (name: string): string => `/test-models/${name}`

async function fetched(path: string): Promise<Blob> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`)
  return response.blob()
}

const files = new Map<string, Promise<Blob>>()
function open(path: string): Promise<Blob> {
  if (path === 'junk') return Promise.resolve(new Blob(['this is no model']))
  const whole = path === 'cut' ? url('multilingual-e5-small.gguf') : path
  if (!files.has(whole)) files.set(whole, fetched(whole))
  return path === 'cut' ? files.get(whole)!.then((file) => file.slice(0, 1_000_000)) : files.get(whole)! // prettier-ignore
}

it('runs where threads can be had', () => {
  expect(crossOriginIsolated).toBe(true)
})

engineContract('wllama', () => new WllamaEngine({ open }), {
  chatModel: url('smollm2-135m.gguf'),
  embedModel: url('multilingual-e5-small.gguf'),
  junkModel: 'junk',
  cutModel: 'cut',
})
