import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLlamaCppEngine } from '#companion/engines/llama-cpp/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import type { Engine } from '#shared/contracts/engine.ts'
import { testModel } from '#tests/models.ts'
import { startOpenAiServer, testModelState, type OpenAiTestServer } from './openai-server.ts'

let engine: Engine
let server: OpenAiTestServer
let client: OpenAI
const model = 'qwen2.5-coder-0.5b'

beforeAll(async () => {
  engine = createLlamaCppEngine({ log: silentLog })
  server = await startOpenAiServer(
    engine,
    [
      testModelState(model, 'chat', testModel(model)),
      testModelState('multilingual-e5-small', 'embed', testModel('multilingual-e5-small')),
    ],
    2048,
  )
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await engine?.[Symbol.asyncDispose]()
})

const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
      },
      required: ['city', 'unit'],
      additionalProperties: false,
    },
  },
}
const question = { role: 'user' as const, content: 'What is the weather in Paris, in celsius?' }

test('a real model fills a JSON schema', async () => {
  const answer = await client.chat.completions.parse({
    model,
    temperature: 0,
    max_tokens: 60,
    messages: [{ role: 'user', content: 'Anna is 31 years old. Give her name and her age.' }],
    response_format: {
      type: 'json_schema',
      json_schema: {
        name: 'person',
        strict: true,
        schema: {
          type: 'object',
          properties: { name: { type: 'string' }, age: { type: 'integer' } },
          required: ['name', 'age'],
          additionalProperties: false,
        },
      },
    },
  })
  expect(answer.choices[0]!.finish_reason).toBe('stop')
  expect(answer.choices[0]!.message.parsed).toMatchObject({
    name: expect.stringContaining('Anna'),
    age: 31,
  })
})

test('a real model calls the tool it must call, and answers with what came back', async () => {
  const forced = await client.chat.completions.create({
    model,
    temperature: 0,
    max_tokens: 80,
    messages: [question],
    tools: [weather],
    tool_choice: 'required',
  })
  const choice = forced.choices[0]!
  expect(choice.finish_reason).toBe('tool_calls')
  const call = choice.message.tool_calls![0]!
  if (call.type !== 'function') throw new Error('expected a function call')
  expect(call.function.name).toBe('get_weather')
  expect(JSON.parse(call.function.arguments)).toEqual({
    city: expect.stringContaining('Paris'),
    unit: expect.stringMatching(/^(celsius|fahrenheit)$/),
  })

  const stream = client.chat.completions.stream({
    model,
    temperature: 0,
    max_tokens: 60,
    messages: [
      question,
      choice.message,
      { role: 'tool', tool_call_id: call.id, content: '{"temperature": 21, "sky": "clear"}' },
    ],
    tools: [weather],
    tool_choice: 'none',
    stream_options: { include_usage: true },
  })
  const final = await stream.finalChatCompletion()
  expect(final.choices[0]!.message.content).toContain('21')
  expect(final.usage!.completion_tokens).toBeGreaterThan(0)
})

const greeting = () =>
  client.responses
    .stream({
      model,
      temperature: 0,
      max_output_tokens: 12,
      instructions: 'You answer with one short sentence and nothing else.',
      input: 'Say hello to the people of the town.',
    })
    .finalResponse()

test('a real model streams a response and remembers the prompt it has computed', async () => {
  const first = await greeting()
  const second = await greeting()
  expect(first.output_text).not.toBe('')
  expect(second.output_text).toBe(first.output_text)
  expect(second.usage!.input_tokens_details.cached_tokens).toBeGreaterThan(0)
})

test('a text completion stops where it is told', async () => {
  const answer = await client.completions.create({
    model,
    prompt: 'Count: one, two, three, four, five,',
    temperature: 0,
    max_tokens: 12,
    stop: [' eight'],
  })
  expect(answer.choices[0]!.text).toContain('six')
  expect(answer.choices[0]!.text).not.toContain('eight')
})

function near(a: number[], b: number[]): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0)
}

test('real vectors put a translation nearer than another subject', async () => {
  const { data, usage } = await client.embeddings.create({
    model: 'multilingual-e5-small',
    input: ['query: how do I water tulips?', 'query: 郁金香怎么浇水？', 'query: annual tax report'],
  })
  const [question, translation, other] = data.map((item) => item.embedding)
  expect(near(question!, translation!)).toBeGreaterThan(near(question!, other!))
  expect(usage.prompt_tokens).toBeGreaterThan(10)
})
