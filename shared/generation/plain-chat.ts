import type { ChatMessage, Prompt, ToolSpec } from '#shared/contracts/engine.ts'

export interface PlainMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/**
 * A chat in the three roles every template knows. Tools, calls and their results are written the way models of
 * the Hermes and Qwen families were trained on, so that one reader of answers serves every engine in the page.
 */
export function plainChat(prompt: Extract<Prompt, { kind: 'chat' }>): PlainMessage[] {
  const messages: PlainMessage[] = []
  for (const message of prompt.messages) {
    const next = plainMessage(message)
    const last = messages.at(-1)
    // Results of several calls are one turn.
    if (message.role === 'tool' && last?.role === 'user') last.content += `\n${next.content}`
    else messages.push(next)
  }
  const tools = prompt.tools ?? []
  if (tools.length === 0) return messages
  const text = instructions(tools)
  const [first, ...rest] = messages
  return first?.role === 'system'
    ? [{ role: 'system', content: `${first.content}\n\n${text}` }, ...rest]
    : [{ role: 'system', content: text }, ...messages]
}

function plainMessage(message: ChatMessage): PlainMessage {
  const content = harmless(message.content)
  if (message.role === 'tool')
    return { role: 'user', content: `<tool_response>\n${content}\n</tool_response>` }
  const calls = (message.toolCalls ?? []).map(
    (call) =>
      `<tool_call>\n{"name": ${JSON.stringify(call.name)}, "arguments": ${harmless(call.arguments)}}\n</tool_call>`,
  )
  return { role: message.role, content: [content, ...calls].filter(Boolean).join('\n') }
}

/**
 * What a message says never becomes a control token: a document that contains `<|im_end|>` can't end its turn
 * and speak as the system. The engines in the page tokenize the whole chat at once, so the token is broken up.
 */
export function harmless(text: string): string {
  return text.replaceAll(/<\|(?=[^|>\s]{1,40}\|>)/g, '<\u200B|')
}

function instructions(tools: readonly ToolSpec[]): string {
  const signatures = tools.map(({ name, description, parameters }) =>
    JSON.stringify({
      type: 'function',
      function: { name, description: description ?? '', parameters },
    }),
  )
  return [
    '# Tools',
    '',
    'You may call one or more functions to assist with the user query.',
    '',
    'You are provided with function signatures within <tools></tools> XML tags:',
    '<tools>',
    ...signatures,
    '</tools>',
    '',
    'For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:',
    '<tool_call>',
    '{"name": <function-name>, "arguments": <args-json-object>}',
    '</tool_call>',
  ].join('\n')
}

/** The schema of one forced call: of the tool `name`, or of any. */
export function callSchema(
  tools: readonly ToolSpec[],
  name: string | undefined,
): Record<string, unknown> {
  return {
    anyOf: tools
      .filter((tool) => name === undefined || tool.name === name)
      .map((tool) => ({
        type: 'object',
        properties: {
          name: { const: tool.name },
          arguments: { type: 'object', ...tool.parameters },
        },
        required: ['name', 'arguments'],
      })),
  }
}
