import type { Prompt } from '#shared/contracts/engine.ts'
import type { AddonModel } from './addon.ts'
import type { ChatTemplate } from './template.ts'

type ChatPrompt = Extract<Prompt, { kind: 'chat' }>
type Tokenizer = Pick<AddonModel, 'tokenize'>

/** Private-use characters that stand for a message while the template is rendered. */
const placeholder = /\uE000(\d+)\uE001/

/**
 * The tokens of a chat. What a message says never becomes a control token: a document that contains
 * `<|im_end|>` can't end its turn and speak as the system. Only such chats are tokenized in pieces.
 */
export function tokenizeChat(
  model: Tokenizer,
  template: Pick<ChatTemplate, 'render'>,
  prompt: ChatPrompt,
): Uint32Array {
  const spoofed = prompt.messages.map((message) => hasControlTokens(model, message.content))
  if (!spoofed.includes(true)) return model.tokenize(template.render(prompt), true)
  const rendered = template.render({
    ...prompt,
    messages: prompt.messages.map((message, index) =>
      spoofed[index] ? { ...message, content: `\uE000${index}\uE001` } : message,
    ),
  })
  const tokens: number[] = []
  // `split` with a group puts the indexes between the pieces.
  for (const [at, piece] of rendered.split(placeholder).entries()) {
    const text = at % 2 === 1 ? (prompt.messages[Number(piece)]?.content ?? '') : piece
    if (text) for (const token of model.tokenize(text, at % 2 === 0)) tokens.push(token)
  }
  return Uint32Array.from(tokens)
}

/** The tokens of a prompt, with the one the model wants to begin with. */
export function tokenizePrompt(
  model: Tokenizer & Pick<AddonModel, 'tokenBos' | 'tokenEos' | 'shouldPrependBosToken'>,
  template: Pick<ChatTemplate, 'render'>,
  prompt: Prompt,
): Uint32Array {
  const tokens = prompt.kind === 'text' ? model.tokenize(prompt.text, true) : tokenizeChat(model, template, prompt) // prettier-ignore
  const bos = model.tokenBos()
  const needsBos = model.shouldPrependBosToken() && bos >= 0 && tokens[0] !== bos
  if (!needsBos && tokens.length > 0) return tokens
  return Uint32Array.from([bos >= 0 ? bos : model.tokenEos(), ...tokens])
}

function hasControlTokens(model: Tokenizer, text: string): boolean {
  if (!/[<[]/.test(text)) return false
  return model.tokenize(text, true).length !== model.tokenize(text, false).length
}
