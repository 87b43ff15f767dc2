import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import koffi from 'koffi'
import * as v from 'valibot'

/**
 * The other side of the engine benchmark: the same shared library that node-llama-cpp ships, driven by a
 * tight synchronous loop. Runs in its own process (`node raw-llama.ts LIBRARY_FOLDER MODEL THREADS CONTEXT`)
 * and answers IPC messages `{prompt, tokens}` with what it measured.
 */
const [folder = '', modelPath = '', threadsText = '', contextText = ''] = process.argv.slice(2)
const threads = Number(threadsText)
const find = (start: string): string =>
  join(
    folder,
    readdirSync(folder).find((name) => name.startsWith(start) && /\.(so|dylib|dll)/.test(name)) ??
      start,
  )
process.chdir(folder)
const ggml = koffi.load(find('libggml.'))
const llama = koffi.load(find('libllama.'))

// The parameter structs differ between versions, so they travel as opaque bytes: only the first fields of
// the context's (n_ctx, n_batch, n_ubatch, n_seq_max), unchanged for years, are written.
const opaque = koffi.struct('Opaque', { bytes: koffi.array('uint8', 512) })
const batch = koffi.struct('Batch', {
  count: 'int',
  token: 'void*',
  embd: 'void*',
  pos: 'void*',
  seqCount: 'void*',
  seq: 'void*',
  logits: 'void*',
})
const logCallback = koffi.proto('void LogCallback(int level, const char *text, void *data)')
llama.func('llama_log_set', 'void', [koffi.pointer(logCallback), 'void*'])(
  koffi.register(() => {}, koffi.pointer(logCallback)),
  null,
)
ggml.func('void ggml_backend_load_all_from_path(const char*)')(folder)
llama.func('void llama_backend_init()')()

const model: unknown = llama.func('llama_model_load_from_file', 'void*', ['str', opaque])(
  modelPath,
  llama.func('llama_model_default_params', opaque, [])(),
)
const contextParams: { bytes: number[] } = llama.func('llama_context_default_params', opaque, [])()
const fields = Buffer.from(contextParams.bytes)
fields.writeUInt32LE(Number(contextText), 0)
fields.writeUInt32LE(512, 4)
fields.writeUInt32LE(512, 8)
fields.writeUInt32LE(1, 12)
const context: unknown = llama.func('llama_init_from_model', 'void*', ['void*', opaque])(model, {
  bytes: [...fields],
})
llama.func('void llama_set_n_threads(void*, int, int)')(context, threads, threads)
const vocab: unknown = llama.func('void* llama_model_get_vocab(void*)')(model)
const memory: unknown = llama.func('void* llama_get_memory(void*)')(context)
const clear = llama.func('void llama_memory_clear(void*, bool)')
const tokenizeText = llama.func('llama_tokenize', 'int', [
  'void*',
  'str',
  'int',
  koffi.out(koffi.pointer('int')),
  'int',
  'bool',
  'bool',
])
const getOne = llama.func('llama_batch_get_one', batch, ['void*', 'int'])
const decode = llama.func('llama_decode', 'int', ['void*', batch])
const synchronize = llama.func('void llama_synchronize(void*)')
const sampler: unknown = llama.func('void* llama_sampler_init_greedy()')()
const sample = llama.func('int llama_sampler_sample(void*, void*, int)')

const ids = new Int32Array(65_536)
const tokenBuffer = Buffer.alloc(4 * 65_536)

function prefill(tokens: Int32Array): void {
  for (let at = 0; at < tokens.length; at += 512) {
    const part = tokens.subarray(at, at + 512)
    Buffer.from(part.buffer, part.byteOffset, part.byteLength).copy(tokenBuffer)
    if (decode(context, getOne(tokenBuffer, part.length)) !== 0) throw new Error('decode failed')
  }
  synchronize(context)
}

const request = v.object({ prompt: v.string(), tokens: v.number() })
process.on('message', (message) => {
  const { prompt, tokens: wanted } = v.parse(request, message)
  const start = performance.now()
  const bytes = Buffer.byteLength(prompt)
  const count: number = tokenizeText(vocab, prompt, bytes, ids, ids.length, true, true)
  clear(memory, false)
  prefill(ids.subarray(0, count))
  let token: number = sample(sampler, context, -1)
  const first = performance.now()
  const out = [token]
  for (let done = 1; done < wanted; done++) {
    tokenBuffer.writeInt32LE(token, 0)
    if (decode(context, getOne(tokenBuffer, 1)) !== 0) throw new Error('decode failed')
    token = sample(sampler, context, -1)
    out.push(token)
  }
  const end = performance.now()
  process.send?.({
    promptTokens: count,
    promptMs: first - start,
    decodeMs: end - first,
    decoded: wanted - 1,
    tokens: out,
  })
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
