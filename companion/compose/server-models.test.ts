import { describe, expect, it } from 'vitest'
import { serverModelFile, serverModelId, serverModels } from './server-models.ts'

describe('models in servers', () => {
  it('are named by where they are, and found by that name', () => {
    const id = serverModelId('http://127.0.0.1:11434', 'hf.co/org/model:8b')
    expect(id).toBe('remote/127.0.0.1:11434/hf.co/org/model:8b')
    expect(serverModelFile(id)).toMatchObject({
      id,
      path: 'http://127.0.0.1:11434#hf.co%2Forg%2Fmodel%3A8b',
      task: 'chat',
      parameters: 8e9,
    })
    for (const other of ['qwen2.5-coder-0.5b', 'remote/', 'remote/host', 'import-0123'])
      expect(serverModelFile(other)).toBeUndefined()
  })

  it('tell their size by their name, or not at all', () => {
    for (const [name, parameters] of [
      ['llama3.1:8b', 8e9],
      ['qwen2.5-0.5b-instruct', 5e8],
      ['Mixtral-8x7B', 0],
      ['gpt-oss', 0],
      ['bge-4bit', 0],
    ] as const)
      expect(serverModelFile(serverModelId('http://h:1', name))!.parameters, name).toBe(parameters)
  })

  it('are listed for chats, with what is chosen though its server is away', () => {
    const servers = [{ url: 'http://127.0.0.1:11434', name: 'Ollama', models: [{ name: 'llama3', task: 'chat' as const, contextTokens: 4096 }, { name: 'bge-m3', task: 'embed' as const }] }] // prettier-ignore
    const away = 'remote/127.0.0.1:8000/big'
    const states = serverModels(servers, [away, 'other', undefined], (id) => id.endsWith('llama3'))
    expect(
      states.map(({ entry, server, loaded }) => [entry.id, server, loaded, entry.contextLength]),
    ).toEqual([
      // prettier-ignore
      ['remote/127.0.0.1:11434/llama3', 'Ollama', true, 4096],
      [away, '127.0.0.1:8000', false, 8192],
    ])
  })
})
