// Inferflow's service as its source has it (src/service, version 0.1.0), without a model: it reads the same
// configuration and the same files, listens everywhere, and answers in its words. Its texts are words of the vocabulary.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const config = readConfig(process.argv[2])
const item = (section, key) => config.get(section)?.get(key) ?? stop(`no ${key} in ${section}`)
const section = `model.${item('transformer_engine', 'models')}`
const most = Number(item('transformer_engine', 'max_concurrent_queries'))
const contextTokens = Number(item(section, 'max_context_len'))
if (item('app_env.base', 'require_enter_key_to_exit') !== 'false') stop('waiting for a key')
item('prompt_templates', 'prompt_template_count')

const log = (line) => process.stdout.write(`${line}\n`)
log('Loading model specifications...')
const specification = JSON.parse(readFileSync(item(section, 'model_specification_file'), 'utf8'))
if (specification.model_file_format !== 'gguf') stop('Invalid model file format')
const folder = item(section, 'model_dir')
const ends = JSON.parse(readFileSync(folder + specification.generation_config, 'utf8')).eos_token_id
log(`Loading model ${section}...`)
const tokens = readTokens(folder + specification.model_files[0])
const words = tokens.flatMap((token, id) => (/^ [a-z]{3,12}$/.test(token) ? [id] : []))
const tokenMs = Number(process.env.FAKE_TOKEN_MS ?? 3)
let queries = 0
let nextQuery = 1

function readConfig(path) {
  const sections = new Map()
  let current = new Map()
  for (const line of readFileSync(path, 'utf8')
    .split('\n')
    .map((text) => text.trim())) {
    if (line === '' || line.startsWith(';') || line.startsWith('#')) continue
    const name = /^\[(.*)\]$/.exec(line)?.[1]
    if (name !== undefined) sections.set(name, (current = new Map()))
    else
      current.set(line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim())
  }
  return sections
}

function stop(why) {
  process.stdout.write(`${why}\nFailed to initialize the Inferflow service\n`)
  process.exit(0)
}

/** The vocabulary; with the checks that the reader of the service makes. */
function readTokens(path) {
  const file = readFileSync(path)
  let at = 0
  const u32 = () => file.readUInt32LE((at += 4) - 4)
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8))
  const string = () => {
    const length = u64()
    return file.toString('utf8', at, (at += length))
  }
  const value = (type) => {
    if (type === 4) return u32()
    if (type === 8) return string()
    if (type !== 9) stop(`Invalid type: ${type}`)
    const inner = u32()
    return Array.from({ length: u64() }, () => value(inner))
  }
  if (u32() !== 0x46554747) stop('Invalid magic number')
  u32()
  const [tensors, attributes] = [u64(), u64()]
  const found = new Map()
  for (let i = 0; i < attributes; i++) found.set(string(), value(u32()))
  // It takes the two for each other.
  const heads = found.get('llama.attention.head_count_kv')
  const keyHeads = found.get('llama.attention.head_count')
  if (!(heads >= keyHeads) || heads % keyHeads !== 0) stop('Something is wrong with the model')
  const names = new Set()
  for (let i = 0; i < tensors; i++) {
    names.add(string())
    const dimensions = Array.from({ length: u32() }, u64)
    const type = u32()
    if (dimensions.length > 2 || ![0, 1, 3, 7, 8].includes(type))
      stop(`ggml data type ${type} is not supported so far.`)
    u64()
  }
  if (!names.has('output.weight')) stop('Null output tensor')
  return found.get('tokenizer.ggml.tokens')
}

const server = createServer((request, response) => {
  let body = ''
  request.on('data', (data) => (body += data))
  request.on('end', () => handle(request, response, body))
})

function handle(request, response, body) {
  const isChat = request.url.includes('/chat/completions')
  let asked
  try {
    asked = JSON.parse(body)
  } catch {
    // The headers, and then nothing for ever. So it is with GET.
    response.writeHead(200).flushHeaders()
    return
  }
  if (asked.header?.fn && request.url.endsWith('/get_stat')) return response.end()
  const ids = isChat ? [1] : idsOf(asked)
  const chunk = (text, isEnd) =>
    isChat
      ? `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, logprobs: null, finish_reason: isEnd ? 'stop' : null, delta: { content: text } }] })}\n\n`
      : `${JSON.stringify({ text, time_cost: 0.1, ...(isEnd ? { is_end: 1 } : {}) })}\n\n`
  response.writeHead(200, { 'content-type': 'application/json' })
  // A refusal has no end.
  const refuse = (code) =>
    response.write(`${JSON.stringify({ text: '', ret_code: code, time_cost: 0 })}\n\n`)
  if (!isChat && !asked.text && !asked.res_prefix) return refuse('error.empty_request')
  log(
    `decoding_alg: ${asked.decoding_alg ?? ''}, strategy_id: 2, temperature: ${Number(asked.temperature ?? 1).toFixed(2)}`,
  )
  log('Encoder input text: ')
  log(`Decoder input text: ${isChat ? 'hi' : asked.decoder_input_template}`)
  if (queries >= most) return refuse('error.busy')
  queries++
  const query = nextQuery++
  answer({ ids, asked, chunk, response, query })
}

/** The template: tokens by number; other text would be read by the service's own reading of the vocabulary. */
function idsOf(asked) {
  const template = asked.decoder_input_template ?? '{query}'
  return Array.from(template.matchAll(/\{#(\d+)\}/g), ([, id]) => Number(id))
}

/** Sixteen bytes at least in a piece; what came with the end itself is lost. */
function answer({ ids, asked, chunk, response, query }) {
  const greedy = asked.decoding_alg === 'sample.greedy'
  let state = ids.reduce(
    (sum, id) => (sum * 31 + id + 7) % 1_000_003,
    greedy ? 0 : asked.random_seed || Math.floor(Math.random() * 1e6),
  )
  let pending = ''
  let count = 0
  let length = ids.length
  // A client that left is noticed when there is something to say to it.
  let left = false
  response.on('close', () => (left = true))
  const step = () => {
    const full = length >= contextTokens || count >= (asked.max_output_len ?? 1024)
    state = (state * 48_271 + 11) % 1_000_003
    const id = full || (count > 8 && state % 97 === 0) ? ends[0] : words[state % words.length]
    if (ends.includes(id)) {
      log(`query_id: ${query}, output_len: ${full ? contextTokens + 1 : length + 1}, is_end: true`)
      queries--
      response.end(chunk(pending, true))
      return
    }
    count++
    length++
    pending += tokens[id]
    if (Buffer.byteLength(pending) >= 16) {
      if (left) return void queries--
      response.write(chunk(pending, false))
      pending = ''
    }
    setTimeout(step, tokenMs)
  }
  setTimeout(step, tokenMs)
}

log('Time cost: 100 ms')
log('===== Inferflow Service =====')
log('Version: 0.1.0')
server.listen(Number(item('main', 'http_port')), '0.0.0.0')
