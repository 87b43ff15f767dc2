import { describe, expect, it } from 'vitest'
import { SiloError } from '#shared/errors/silo-error.ts'
import { jsonGrammar, schemaGrammar, toolGrammar } from './grammar.ts'

describe('grammars', () => {
  it('has a root for any object', () => {
    expect(jsonGrammar()).toMatch(/^root ::= object\n/)
  })

  it('keeps properties in order and allows optional ones to be missing', () => {
    const grammar = schemaGrammar({
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'integer' } },
      required: ['b'],
    })
    expect(grammar).toContain('"\\"a\\""')
    expect(grammar).toMatch(/\(ws "," ws r\d+\)?/)
  })

  it('follows references, also recursive ones', () => {
    const grammar = schemaGrammar({
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { children: { type: 'array', items: { $ref: '#/$defs/node' } } },
        },
      },
    })
    expect(grammar).toContain('root ::= ref0')
  })

  it('names each tool', () => {
    const tools = [
      { name: 'a', parameters: { type: 'object' } },
      { name: 'b', parameters: {} },
    ]
    expect(toolGrammar(tools)).toContain('"\\"a\\""')
  })

  it.each([
    { type: 'string', pattern: 'a' },
    { not: {} },
    { type: 'whatever' },
    { $ref: '#/$defs/none' },
    { $ref: 'other.json' },
    { enum: [] },
    { anyOf: [] },
  ])('refuses what it cannot hold to: %j', (schema) => {
    expect(() => schemaGrammar(schema)).toThrow(SiloError)
  })
})
