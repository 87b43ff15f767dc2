import { describe, expect, it } from 'vitest'
import type { GenerateEvent, GenerateRequest } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { askedFormat } from './asked-format.ts'

const colour = { type: 'object', properties: { colour: { enum: ['red', 'blue'] } }, required: ['colour'] } // prettier-ignore
const tools = [
  { name: 'get_time', parameters: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] } }, // prettier-ignore
  { name: 'stop', parameters: { type: 'object' } },
]
const counts = { promptTokens: 3, cachedTokens: 0, completionTokens: 2, promptMs: 1, decodeMs: 1 }

interface Told {
  readonly text: string
  readonly calls: readonly string[]
  readonly reason: string
  readonly asked: GenerateRequest
}

/** What comes of a request that the engine answers with `answer`. */
async function told(
  request: Omit<GenerateRequest, 'prompt'>,
  answer: readonly (string | GenerateEvent)[],
  reason: 'stop' | 'length' | 'tool-calls' | 'abort' = 'stop',
): Promise<Told> {
  let asked: GenerateRequest | undefined
  const prompt = { kind: 'chat', messages: [{ role: 'user', content: 'Which?' }], tools } as const
  const generate = async function* (plain: GenerateRequest): AsyncGenerator<GenerateEvent> {
    asked = plain
    yield { type: 'prompt', promptTokens: 3, cachedTokens: 0 }
    for (const piece of answer)
      yield typeof piece === 'string' ? { type: 'text', text: piece } : piece
    yield { type: 'end', reason, ...counts }
  }
  const events: GenerateEvent[] = []
  for await (const event of askedFormat({ ...request, prompt }, generate)) events.push(event)
  expect(events[0]).toMatchObject({ type: 'prompt' })
  const end = events.at(-1)
  if (end?.type !== 'end') throw new Error('no end')
  return {
    text: events.map((event) => (event.type === 'text' ? event.text : '')).join(''),
    calls: events.flatMap((event) =>
      event.type === 'tool-call' ? [`${event.call.name} ${event.call.arguments}`] : [],
    ),
    reason: end.reason,
    asked: asked!,
  }
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((cause: unknown) => cause)
  return error instanceof SiloError ? error.code : String(error)
}

const schema = { format: { type: 'json-schema', schema: colour } } as const

describe('askedFormat', () => {
  it('lets a request without a format through as it is', async () => {
    const plain = await told({ temperature: 0 }, ['one ', 'two'])
    expect(plain).toMatchObject({ text: 'one two', reason: 'stop', asked: { temperature: 0 } })
  })

  it('asks for the schema after the question, and for nothing else', async () => {
    const { asked } = await told(schema, ['{"colour":"red"}'])
    expect(asked.format).toBeUndefined()
    const [message] = asked.prompt.kind === 'chat' ? asked.prompt.messages : []
    expect(message?.content).toMatch(/^Which\?\n\n.*schema/s)
    expect(message?.content).toContain(JSON.stringify(colour))
  })

  it.each([
    ['as it is', '{"colour":"red"}'],
    ['in a block', 'Here:\n```json\n{"colour":"red"}\n```\nDone.'],
    ['among words', 'Sure! {"colour":"red"} is my answer.'],
    ['after an example that does not fit', '```\n{"a":1}\n```\n```json\n{"colour":"red"}\n```'],
  ])('takes the JSON out of an answer: %s', async (_, answer) => {
    expect(await told(schema, [answer.slice(0, 5), answer.slice(5)])).toMatchObject({ text: '{"colour":"red"}', reason: 'stop' }) // prettier-ignore
  })

  it('takes any object where no schema is given, and values that are no objects where it says so', async () => {
    expect((await told({ format: { type: 'json' } }, ['{"a":[1]}'])).text).toBe('{"a":[1]}')
    const list = { type: 'json-schema', schema: { type: 'array', items: { type: 'integer' } } } as const // prettier-ignore
    expect((await told({ format: list }, ['It is [1, 2].'])).text).toBe('[1, 2]')
    expect(await refusal(told({ format: { type: 'json' } }, ['[1]']))).toBe('grammar_invalid')
  })

  it('fails where the answer is of another form or none', async () => {
    for (const answer of ['red', '{"colour":"green"}', '{"colour":', '{}', ''])
      expect(await refusal(told(schema, [answer]))).toBe('grammar_invalid')
  })

  it('refuses schemas that other engines refuse, before it asks', async () => {
    const odd = { type: 'json-schema', schema: { type: 'object', not: {} } } as const
    expect(await refusal(told({ format: odd }, ['{}']))).toBe('grammar_invalid')
  })

  it('gives an answer that was cut off as it is, unless it was whole already', async () => {
    expect(await told(schema, ['{"colo'], 'length')).toMatchObject({ text: '{"colo', reason: 'length' }) // prettier-ignore
    expect(await told(schema, ['{"colour":"red"} and'], 'length')).toMatchObject({ text: '{"colour":"red"}', reason: 'stop' }) // prettier-ignore
    expect(await told(schema, ['{"col'], 'abort')).toMatchObject({ text: '', reason: 'abort' })
  })

  it('makes a call of a forced tool from text, and takes one that was read already', async () => {
    const format = { type: 'tool', name: 'get_time' } as const
    const text = '{"name":"get_time","arguments":{"zone":"UTC"}}'
    const wanted = { calls: ['get_time {"zone":"UTC"}'], text: '', reason: 'tool-calls' }
    expect(await told({ format }, [text])).toMatchObject(wanted)
    const call = { id: 'c1', name: 'get_time', arguments: '{"zone":"UTC"}' }
    expect(await told({ format }, [{ type: 'tool-call', call }], 'tool-calls')).toMatchObject(wanted) // prettier-ignore
    expect(await told({ format: { type: 'tool' } }, ['{"name":"stop","arguments":{}}'])).toMatchObject({ calls: ['stop {}'] }) // prettier-ignore
  })

  it('refuses a call of another tool, with other arguments, and of none', async () => {
    const format = { type: 'tool', name: 'get_time' } as const
    for (const text of [
      '{"name":"stop","arguments":{}}',
      '{"name":"get_time","arguments":{}}',
      'No.',
    ])
      // prettier-ignore
      expect(await refusal(told({ format }, [text]))).toBe('grammar_invalid')
    expect(await refusal(told({ format: { type: 'tool', name: 'none' } }, []))).toBe('bad_request')
  })
})
