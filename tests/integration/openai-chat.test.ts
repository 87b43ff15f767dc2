import OpenAI, { APIError } from 'openai'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createFakeEngine, type FakeEngine } from '#tests/fakes/engine.ts'
import { startOpenAiServer, testModelState, type OpenAiTestServer } from './openai-server.ts'

let engine: FakeEngine
let server: OpenAiTestServer
let client: OpenAI
const model = 'fake-chat'
const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'Weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}

beforeAll(async () => {
  engine = createFakeEngine({
    reply(request) {
      const last = request.prompt.kind === 'chat' ? request.prompt.messages.at(-1) : undefined
      if (last?.content.startsWith('endless')) return Array.from({ length: 2000 }, () => ' word')
      if (request.format?.type.startsWith('json')) return '{"city":"Paris"}'
      return last?.content ?? ''
    },
    delayMs: 1,
    crashAfter: (request) =>
      request.prompt.kind === 'chat' && request.prompt.messages.at(-1)?.content.startsWith('crash')
        ? 2
        : undefined,
  })
  server = await startOpenAiServer(engine, [
    testModelState(model, 'chat'),
    testModelState('fake-embed', 'embed'),
  ])
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
})
afterAll(() => server[Symbol.asyncDispose]())

const user = (content: string) => [{ role: 'user' as const, content }]

const chat = (model: string, text: string, stream = false) =>
  client.chat.completions.create({ model, messages: user(text), stream })

async function refused(promise: Promise<unknown>): Promise<InstanceType<typeof APIError>> {
  const error: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(APIError)
  return error as InstanceType<typeof APIError>
}

test('answers with text, finish reason and usage, and passes the sampling on', async () => {
  const answer = await client.chat.completions.create({
    model,
    messages: [
      { role: 'developer', content: 'Be kind.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'hello ' },
          { type: 'text', text: '你好' },
        ],
      },
    ],
    temperature: 0.3,
    top_p: 0.9,
    seed: 7,
    stop: ['STOP', ''],
    max_completion_tokens: 50,
    frequency_penalty: 0.5,
    presence_penalty: -0.5,
    user: 'somebody',
    metadata: { a: 'b' },
  })
  expect(answer.object).toBe('chat.completion')
  expect(answer.id).toMatch(/^chatcmpl-/)
  expect(answer.model).toBe(model)
  expect(answer.choices[0]).toMatchObject({
    index: 0,
    message: { role: 'assistant', content: 'hello 你好' },
    finish_reason: 'stop',
  })
  expect(answer.usage!.total_tokens).toBe(
    answer.usage!.prompt_tokens + answer.usage!.completion_tokens,
  )
  expect(answer.usage!.prompt_tokens_details!.cached_tokens).toBeTypeOf('number')
  expect(engine.requests.at(-1)).toEqual({
    prompt: {
      kind: 'chat',
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'hello 你好' },
      ],
    },
    temperature: 0.3,
    topP: 0.9,
    seed: 7,
    stop: ['STOP'],
    maxTokens: 50,
    frequencyPenalty: 0.5,
    presencePenalty: -0.5,
    user: 'self',
  })
  expect(server.leases).toBe(0)
})

test('streams with usage, and ends with length where the limit cuts', async () => {
  const stream = await client.chat.completions.create({
    model,
    messages: user('one two three four'),
    max_tokens: 2,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  const finishes: (string | null)[] = []
  let usage: OpenAI.CompletionUsage | null | undefined
  for await (const chunk of stream) {
    expect(chunk.object).toBe('chat.completion.chunk')
    text += chunk.choices[0]?.delta.content ?? ''
    if (chunk.choices[0]?.finish_reason) finishes.push(chunk.choices[0].finish_reason)
    if (chunk.usage) {
      expect(chunk.choices).toEqual([])
      usage = chunk.usage
    }
  }
  expect(text).toBe('one two')
  expect(finishes).toEqual(['length'])
  expect(usage).toMatchObject({ completion_tokens: 2 })
})

test('sends plain server-sent events that end with [DONE] and no usage unasked', async () => {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: user('a "quoted"\nline'), stream: true }),
  })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const lines = (await response.text()).split('\n\n').filter(Boolean)
  expect(lines.at(-1)).toBe('data: [DONE]')
  const chunks = lines
    .slice(0, -1)
    .map((line) => JSON.parse(line.slice(6)) as OpenAI.ChatCompletionChunk)
  expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant')
  expect(chunks.map((chunk) => chunk.choices[0]!.delta.content ?? '').join('')).toBe(
    'a "quoted"\nline',
  )
  expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true)
  expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1)
})

test('calls tools: forced by name, streamed, and with its result fed back', async () => {
  const forced = await client.chat.completions.create({
    model,
    messages: user('Paris?'),
    tools: [weather],
    tool_choice: { type: 'function', function: { name: 'weather' } },
  })
  const choice = forced.choices[0]!
  expect(choice.finish_reason).toBe('tool_calls')
  expect(choice.message.content).toBeNull()
  const call = choice.message.tool_calls![0]!
  expect(call).toMatchObject({ type: 'function', function: { name: 'weather', arguments: '{}' } })
  expect(engine.requests.at(-1)).toMatchObject({
    format: { type: 'tool', name: 'weather' },
    prompt: { tools: [{ name: 'weather', description: 'Weather in a city' }] },
  })

  const streamed = client.chat.completions.stream({
    model,
    messages: user('Paris?'),
    tools: [weather],
    tool_choice: 'required',
  })
  const final = await streamed.finalChatCompletion()
  expect(final.choices[0]!.finish_reason).toBe('tool_calls')
  expect(final.choices[0]!.message.tool_calls![0]).toMatchObject({ function: { name: 'weather' } })

  const followUp = await client.chat.completions.create({
    model,
    messages: [
      ...user('Paris?'),
      choice.message,
      { role: 'tool', tool_call_id: call.id, content: '21 degrees' },
    ],
    tools: [weather],
    tool_choice: 'none',
  })
  expect(followUp.choices[0]!.finish_reason).toBe('stop')
  const { prompt } = engine.requests.at(-1)!
  expect(prompt).toEqual({
    kind: 'chat',
    messages: [
      { role: 'user', content: 'Paris?' },
      {
        role: 'assistant',
        content: '',
        toolCalls: [{ id: call.id, name: 'weather', arguments: '{}' }],
      },
      { role: 'tool', content: '21 degrees', toolCallId: call.id, name: 'weather' },
    ],
  })
})

test('passes response formats to the engine', async () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const parsed = await client.chat.completions.parse({
    model,
    messages: user('Where?'),
    response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } },
  })
  expect(parsed.choices[0]!.message.parsed).toEqual({ city: 'Paris' })
  expect(engine.requests.at(-1)!.format).toEqual({ type: 'json-schema', schema })
  await client.chat.completions.create({
    model,
    messages: user('Where?'),
    response_format: { type: 'json_object' },
  })
  expect(engine.requests.at(-1)!.format).toEqual({ type: 'json' })
})

test.each([
  ['n', { n: 2 }, 'n'],
  ['logit_bias', { logit_bias: { 5: 1 } }, 'logit_bias'],
  ['logprobs', { logprobs: true }, 'logprobs'],
  ['temperature', { temperature: 9 }, 'temperature'],
  [
    'an unknown tool choice',
    { tools: [weather], tool_choice: { type: 'function', function: { name: 'x' } } },
    'tool_choice',
  ],
  ['a custom tool', { tools: [{ type: 'custom', custom: { name: 'x' } }] }, 'tools.0.type'],
  [
    'an image',
    {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          ],
        },
      ],
    },
    'messages.0.content.1',
  ],
  ['no messages', { messages: [] }, 'messages'],
  [
    'a tool message out of nowhere',
    { messages: [{ role: 'tool', tool_call_id: 'x', content: 'y' }] },
    'messages.0.tool_call_id',
  ],
  [
    'json_schema without a schema',
    { response_format: { type: 'json_schema', json_schema: { name: 'x' } } },
    'response_format',
  ],
])('refuses %s with a 400 that names the field', async (_name, extra, param) => {
  const error = await refused(
    client.chat.completions.create({
      model,
      messages: user('hi'),
      ...extra,
    } as OpenAI.ChatCompletionCreateParamsNonStreaming),
  )
  expect(error.status).toBe(400)
  expect(error.code).toBe('bad_request')
  expect(error.type).toBe('invalid_request_error')
  expect(error.param).toBe(param)
  expect(server.leases).toBe(0)
})

test('answers unknown models, wrong tasks, overflow and bad JSON with registered errors', async () => {
  expect(await refused(chat('gpt-unknown', 'hi'))).toMatchObject({
    status: 404,
    code: 'model_unknown',
  })
  expect(await refused(chat('fake-embed', 'hi'))).toMatchObject({
    status: 400,
    code: 'model_wrong_task',
  })
  // Refused with a status, not inside a stream that has begun.
  expect(await refused(chat(model, 'word '.repeat(5000), true))).toMatchObject({
    status: 400,
    code: 'context_overflow',
  })
  const bad = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: '{"a":' })
  expect(bad.status).toBe(400)
  expect(bad.headers.get('x-should-retry')).toBe('false')
  expect(await bad.json()).toMatchObject({ error: { code: 'invalid_json', param: null } })
  expect(server.leases).toBe(0)
})

test('a crash of the engine is an error in the stream and a 502 without one', async () => {
  const stream = await client.chat.completions.create({
    model,
    messages: user('crash after two pieces of text'),
    stream: true,
  })
  let text = ''
  const error = await refused(
    (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    })(),
  )
  expect(text).toBe('crash after')
  expect(error.code).toBe('engine_crashed')
  expect(
    await refused(client.chat.completions.create({ model, messages: user('crash again please') })),
  ).toMatchObject({ status: 502, code: 'engine_crashed', type: 'server_error' })
  expect(server.leases).toBe(0)
})

test('a client that leaves stops the engine and frees the model', async () => {
  const stream = await client.chat.completions.create({
    model,
    messages: user('endless'),
    stream: true,
  })
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
  await vi.waitFor(() => {
    expect(server.lastSignal!.aborted).toBe(true)
    expect(server.leases).toBe(0)
  })

  const leave = new AbortController()
  const pending = client.chat.completions.create(
    { model, messages: user('endless') },
    { signal: leave.signal },
  )
  await vi.waitFor(() => expect(server.leases).toBe(1))
  leave.abort()
  await expect(pending).rejects.toThrow()
  await vi.waitFor(() => {
    expect(server.lastSignal!.aborted).toBe(true)
    expect(server.leases).toBe(0)
  })
})
