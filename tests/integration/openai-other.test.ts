import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bagOfWords, createFakeEngine, type FakeEngine } from '#tests/fakes/engine.ts'
import { startOpenAiServer, testModelState, type OpenAiTestServer } from './openai-server.ts'

let engine: FakeEngine
let server: OpenAiTestServer
let client: OpenAI
const model = 'fake-chat'
const notInstalled = testModelState('absent-model', 'chat')

beforeAll(async () => {
  engine = createFakeEngine({ dimensions: 32 })
  server = await startOpenAiServer(engine, [
    testModelState(model, 'chat'),
    testModelState('fake-embed', 'embed'),
    { ...notInstalled, state: { ...notInstalled.state, installed: false } },
  ])
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
})
afterAll(() => server[Symbol.asyncDispose]())

test('completes a text, whole and streamed', async () => {
  const whole = await client.completions.create({
    model,
    prompt: 'once upon a time',
    max_tokens: 3,
  })
  expect(whole).toMatchObject({
    object: 'text_completion',
    model,
    choices: [{ index: 0, text: 'once upon a', finish_reason: 'length', logprobs: null }],
    usage: { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 },
  })
  expect(engine.requests.at(-1)!.prompt).toEqual({ kind: 'text', text: 'once upon a time' })

  const stream = await client.completions.create({
    model,
    prompt: ['once upon a time'],
    stop: ' a',
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  let last: OpenAI.Completion | undefined
  for await (const chunk of stream) {
    text += chunk.choices[0]?.text ?? ''
    last = chunk
  }
  expect(text).toBe('once upon')
  expect(last).toMatchObject({ choices: [], usage: { completion_tokens: 2 } })
})

test.each([
  [{ echo: true }, 'echo'],
  [{ n: 2 }, 'n'],
  [{ best_of: 2 }, 'best_of'],
  [{ suffix: 'x' }, 'suffix'],
  [{ logprobs: 1 }, 'logprobs'],
  [{ prompt: ['a', 'b'] }, 'prompt'],
  [{ prompt: [1, 2] }, 'prompt'],
])('refuses %j for a completion', async (extra, param) => {
  const request = { model, prompt: 'x', ...extra } as OpenAI.CompletionCreateParamsNonStreaming
  await expect(client.completions.create(request)).rejects.toMatchObject({ status: 400, param })
})

test('embeds texts as floats and as base64', async () => {
  const texts = ['a red apple', '一个红苹果']
  const raw = await fetch(`${server.url}/v1/embeddings`, {
    method: 'POST',
    body: JSON.stringify({ model: 'fake-embed', input: texts }),
  })
  const floats = (await raw.json()) as OpenAI.CreateEmbeddingResponse
  expect(floats.data.map((item) => item.index)).toEqual([0, 1])
  // The client asks for base64 and decodes it, unless told otherwise.
  const decoded = await client.embeddings.create({ model: 'fake-embed', input: texts })
  texts.forEach((text, index) => {
    const expected = [...bagOfWords(text, 32)]
    expect(floats.data[index]!.embedding).toEqual(expected)
    expect([...decoded.data[index]!.embedding]).toEqual(expected)
  })
  expect(decoded.usage).toEqual({ prompt_tokens: 8, total_tokens: 8 })
  const single = await client.embeddings.create({
    model: 'fake-embed',
    input: 'one',
    encoding_format: 'float',
  })
  expect(single.data).toHaveLength(1)
  const refused = { status: 400, code: 'bad_request' }
  await expect(
    client.embeddings.create({ model: 'fake-embed', input: 'x', dimensions: 8 }),
  ).rejects.toMatchObject({ ...refused, param: 'dimensions' })
  await expect(
    client.embeddings.create({ model: 'fake-embed', input: [1, 2] }),
  ).rejects.toMatchObject({ ...refused, param: 'input.0' })
  await expect(client.embeddings.create({ model, input: 'x' })).rejects.toMatchObject({
    code: 'model_wrong_task',
  })
  expect(server.leases).toBe(0)
})

test('lists the models that are installed, and finds one', async () => {
  const ids: string[] = []
  for await (const item of client.models.list()) ids.push(item.id)
  expect(ids).toEqual([model, 'fake-embed'])
  expect(await client.models.retrieve(model)).toMatchObject({ id: model, object: 'model' })
  await expect(client.models.retrieve('absent-model')).rejects.toMatchObject({
    status: 404,
    code: 'model_unknown',
  })
})

test('responds to a string with instructions', async () => {
  const answer = await client.responses.create({
    model,
    instructions: 'Be brief.',
    input: 'hello there',
    store: true,
    metadata: { a: 'b' },
  })
  expect(answer.status).toBe('completed')
  expect(answer.output_text).toBe('hello there')
  expect(answer).toMatchObject({ object: 'response', store: false, metadata: { a: 'b' } })
  expect(answer.usage).toMatchObject({ output_tokens: 2, input_tokens_details: {} })
  expect(engine.requests.at(-1)!.prompt).toEqual({
    kind: 'chat',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hello there' },
    ],
  })
})

test('streams a response as the proper sequence of events', async () => {
  const stream = await client.responses.create({ model, input: 'one two', stream: true })
  const events: OpenAI.Responses.ResponseStreamEvent[] = []
  for await (const event of stream) events.push(event)
  expect(events.map((event) => event.type)).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.delta',
    'response.output_text.delta',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.completed',
  ])
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_event, index) => index))
  const helper = client.responses.stream({ model, input: 'one two three', max_output_tokens: 2 })
  const final = await helper.finalResponse()
  expect(final).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    output_text: 'one two',
  })
})

const tool = {
  type: 'function' as const,
  name: 'weather',
  description: 'Weather in a city',
  parameters: { type: 'object', properties: {} },
  strict: false,
}

test('calls a function and takes its output back', async () => {
  const first = await client.responses.create({
    model,
    input: 'Paris?',
    tools: [tool],
    tool_choice: 'required',
  })
  const call = first.output[0]!
  if (call.type !== 'function_call') throw new Error('expected a function call')
  expect(call).toMatchObject({ name: 'weather', arguments: '{}', status: 'completed' })

  const streamed: OpenAI.Responses.ResponseStreamEvent[] = []
  const stream = await client.responses.create({
    model,
    input: 'Paris?',
    tools: [tool],
    tool_choice: { type: 'function', name: 'weather' },
    stream: true,
  })
  for await (const event of stream) streamed.push(event)
  expect(streamed.map((event) => event.type)).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.function_call_arguments.delta',
    'response.function_call_arguments.done',
    'response.output_item.done',
    'response.completed',
  ])

  const second = await client.responses.create({
    model,
    input: [
      { role: 'user', content: [{ type: 'input_text', text: 'Paris?' }] },
      { role: 'assistant', content: 'Let me see.' },
      call,
      { type: 'function_call_output', call_id: call.call_id, output: '21 degrees' },
    ],
    tools: [tool],
  })
  expect(second.status).toBe('completed')
  const { prompt } = engine.requests.at(-1)!
  expect(prompt.kind === 'chat' && prompt.messages).toEqual([
    { role: 'user', content: 'Paris?' },
    {
      role: 'assistant',
      content: 'Let me see.',
      toolCalls: [{ id: call.call_id, name: 'weather', arguments: '{}' }],
    },
    { role: 'tool', content: '21 degrees', toolCallId: call.call_id, name: 'weather' },
  ])
})

test('passes text.format on and refuses what it cannot do', async () => {
  const schema = { type: 'object', properties: {} }
  await client.responses.create({
    model,
    input: 'x',
    text: { format: { type: 'json_schema', name: 'x', schema, strict: true } },
  })
  expect(engine.requests.at(-1)!.format).toEqual({ type: 'json-schema', schema })
  const refusals: [object, string][] = [
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ background: true }, 'background'],
    [{ tools: [{ type: 'web_search' }] }, 'tools.0'],
    [{ input: [{ type: 'item_reference', id: 'x' }] }, 'input.0.type'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] },
      'input.0.content.0',
    ],
  ]
  for (const [extra, param] of refusals) {
    await expect(
      client.responses.create({ model, input: 'x', ...extra } as never),
    ).rejects.toMatchObject({ status: 400, code: 'bad_request', param })
  }
})

async function get(path: string, init?: RequestInit) {
  const response = await fetch(`${server.url}/api${path}`, init)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('is recognised as an Ollama-style server, and its names work in chat', async () => {
  expect((await get('/version')).body['version']).toMatch(/^\d+\.\d+\.\d+$/)
  const tags = (await get('/tags')).body['models'] as Record<string, unknown>[]
  expect(tags.map((tag) => tag['name'])).toEqual([`${model}:latest`, 'fake-embed:latest'])
  expect(tags[0]).toMatchObject({
    size: 1000,
    details: { format: 'gguf', parameter_size: '494M', quantization_level: 'Q4_K_M' },
  })
  const show = await get('/show', {
    method: 'POST',
    body: JSON.stringify({ model: 'fake-embed:latest' }),
  })
  expect(show.body).toMatchObject({ capabilities: ['embedding'], details: { family: 'fake' } })
  const unknown = await get('/show', { method: 'POST', body: JSON.stringify({ name: 'nope' }) })
  expect(unknown.status).toBe(404)
  expect(unknown.body['error']).toBeTypeOf('string')
  const answer = await client.chat.completions.create({
    model: String(tags[0]!['name']),
    messages: [{ role: 'user', content: 'hi' }],
  })
  expect(answer.model).toBe(model)
})
