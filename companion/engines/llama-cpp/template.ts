import { Template } from '@huggingface/jinja'
import type { LlamaModel } from 'node-llama-cpp'
import type { ChatMessage, Prompt, ToolSpec } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { AddonModel } from './addon.ts'

/** For models whose file has no template: the ChatML form most of them were trained on. */
const chatMl =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

export interface TemplateTokens {
  readonly bos: string
  readonly eos: string
}

/** Renders chats with the model's own template. */
export class ChatTemplate {
  readonly #template: Template
  /** The model was trained to call tools in the form that its template has for them. */
  readonly knowsTools: boolean
  readonly #tokens: TemplateTokens

  constructor(source: string | undefined, tokens: TemplateTokens) {
    this.#template = new Template(source ?? chatMl)
    this.knowsTools = /\btools\b/.test(source ?? '')
    this.#tokens = tokens
  }

  /** @throws SiloError bad_request when the template refuses the messages (roles out of order, …) */
  render(prompt: Extract<Prompt, { kind: 'chat' }>): string {
    const tools = prompt.tools ?? []
    let messages = prompt.messages
    if (tools.length > 0 && !this.knowsTools) messages = withToolInstructions(messages, tools)
    try {
      return this.#template.render({
        messages: messages.map(templateMessage),
        ...(tools.length > 0 ? { tools: tools.map(templateTool) } : {}),
        add_generation_prompt: true,
        bos_token: this.#tokens.bos,
        eos_token: this.#tokens.eos,
      })
    } catch (error) {
      throw new SiloError('bad_request', {
        params: { detail: 'the model’s chat template does not accept these messages' },
        field: 'messages',
        cause: error,
      })
    }
  }
}

/** The template in a model's file. */
export function templateOf(model: LlamaModel, native: AddonModel): ChatTemplate {
  const special = (token: number): string => (token >= 0 ? native.getTokenString(token) : '')
  return new ChatTemplate(model.fileInfo.metadata.tokenizer?.chat_template, {
    bos: special(native.tokenBos()),
    eos: special(native.tokenEos()),
  })
}

function templateMessage(message: ChatMessage): Record<string, unknown> {
  return {
    role: message.role,
    content: message.content,
    ...(message.name === undefined ? {} : { name: message.name }),
    ...(message.toolCallId === undefined ? {} : { tool_call_id: message.toolCallId }),
    ...(message.toolCalls?.length
      ? {
          tool_calls: message.toolCalls.map((call) => ({
            id: call.id,
            type: 'function',
            function: { name: call.name, arguments: argumentsOf(call.arguments) },
          })),
        }
      : {}),
  }
}

function argumentsOf(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

function templateTool(tool: ToolSpec): Record<string, unknown> {
  return {
    type: 'function',
    function: {
      name: tool.name,
      description: tool.description ?? '',
      parameters: tool.parameters,
    },
  }
}

function withToolInstructions(
  messages: readonly ChatMessage[],
  tools: readonly ToolSpec[],
): ChatMessage[] {
  const text = [
    'You may call one of these functions:',
    ...tools.map((tool) => JSON.stringify(templateTool(tool).function)),
    'To call one, answer only: <tool_call>{"name": NAME, "arguments": OBJECT}</tool_call>',
  ].join('\n')
  const [first, ...rest] = messages
  if (first?.role === 'system')
    return [{ ...first, content: `${first.content}\n\n${text}` }, ...rest]
  return [{ role: 'system', content: text }, ...messages]
}
