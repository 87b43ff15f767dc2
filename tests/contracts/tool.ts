import * as v from 'valibot'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { OfferedTool } from '#companion/agent/ports.ts'
import type { ToolContext, ToolResult } from '#shared/contracts/tool.ts'
import { capabilitySchema, type Capability } from '#shared/domain/capability.ts'
import { changePlanSchema } from '#shared/domain/file-change.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { plainOf, sampleOf, shapeOf, type JsonSchema } from '#tests/tools/schema.ts'

/** Characters of JSON a result may have: the loop cuts it, but must hold it first. */
const mostData = 4_000_000
const mostSummary = 300

/** Where tools are tried: a person's folder with strangers' words in it, and a person who answers. */
export interface ToolWorld {
  /** Words to give a tool for a property of that name: a file for `path`, a folder for `folder`, … */
  text(property: string): string
  /** What strangers wrote into files, names, the vault: nobody's input holds it. */
  readonly canaries: readonly string[]
  /** What was asked since `reset`, by capability. */
  readonly asked: readonly Capability[]
  /** Contents kept, notes written, lines printed since `reset`. */
  readonly effects: readonly string[]
  context(options: { answer: 'allow' | 'deny'; signal: AbortSignal }): ToolContext
  /** Every file of the person with its content. */
  files(): Promise<Record<string, string>>
  reset(): void
}

/** Every tool that Silo offers has to pass; `at` is what the tools work in. */
export function toolContract(name: string, list: readonly OfferedTool[], at: ToolWorld): void {
  describe(`${name} as tools`, () => {
    it('have names of their own', () => {
      const names = list.map(({ tool }) => tool.name)
      expect(new Set(names).size).toBe(names.length)
      expect(names.length).toBeGreaterThan(0)
    })
  })

  describe.each(list.map((offered) => ({ ...offered, name: offered.tool.name })))(
    'the tool $name',
    ({ tool, unavailable }) => {
      let before: Record<string, string>
      beforeAll(async () => {
        before = await at.files()
      })
      beforeEach(() => at.reset())

      const parameters = tool.parameters as JsonSchema
      const sample = () => sampleOf(parameters, (property) => at.text(property))
      const parsed = (input: unknown) => v.parse(tool.input as v.GenericSchema, input) as never
      const call = (
        input: unknown,
        options: { answer?: 'allow' | 'deny'; signal?: AbortSignal } = {},
      ) =>
        // prettier-ignore
        tool.call(
          parsed(input),
          at.context({ answer: 'allow', signal: new AbortController().signal, ...options }),
        )

      it('says what it is, to people and to models, and what it needs leave for', () => {
        expect(tool.specVersion).toBe(1)
        expect(tool.name).toMatch(/^[a-z][a-z0-9_]{1,40}$/)
        expect(tool.title.en.length * tool.title.zh.length).toBeGreaterThan(0)
        expect(tool.title.zh).toMatch(/\p{Script=Han}/u)
        expect(tool.description.length).toBeGreaterThan(10)
        expect(tool.description.length).toBeLessThan(500)
        if (tool.capability !== undefined) v.parse(capabilitySchema, tool.capability)
      })

      it('tells the model of the input that it takes, and no other', () => {
        expect(plainOf(parameters)).toEqual(shapeOf(tool.input))
        expect(v.safeParse(tool.input as v.GenericSchema, sample()).success).toBe(true)
      })

      it('refuses input that is none', () => {
        const good = sample() as Record<string, unknown>
        const bad: unknown[] = [null, 'text', 1, { ...good, surprise: 1 }]
        for (const key of parameters.required ?? []) {
          const { [key]: _left, ...rest } = good
          bad.push(rest, { ...good, [key]: { $ne: 1 } }, { ...good, [key]: null })
        }
        for (const key of Object.keys(parameters.properties ?? {}))
          bad.push({ ...good, [key]: () => {} })
        for (const each of bad)
          expect(v.safeParse(tool.input as v.GenericSchema, each).success, JSON.stringify(each)).toBe(false) // prettier-ignore
        for (const [key, { type, items }] of Object.entries(parameters.properties ?? {})) {
          const huge = 'x'.repeat(20_000_001)
          if (type === 'string' || items?.type === 'string')
            expect(v.safeParse(tool.input as v.GenericSchema, { ...good, [key]: items ? [huge] : huge }).success, key).toBe(false) // prettier-ignore
        }
      })

      it('begins nothing that is cancelled', async () => {
        const signal = AbortSignal.abort(new Error('cancelled early'))
        await expect(call(sample(), { signal })).rejects.toThrow('cancelled early')
        expect(at.asked).toEqual([])
        expect(at.effects).toEqual([])
      })

      it('asks for no more than it says, changes nothing, and says little', async () => {
        const ran = await call(sample()).catch((error: unknown) => error)
        if (ran instanceof SiloError) {
          // What cannot be used now says so.
          expect(unavailable, `${ran.code} ${JSON.stringify(ran.params)}`).toBeDefined()
        } else if (ran instanceof Error) throw ran
        else {
          const { data, summary, plan, artifacts = [] } = ran as ToolResult
          const told = JSON.stringify(data)
          expect(told.length).toBeLessThan(mostData)
          expect(summary.length).toBeLessThanOrEqual(mostSummary)
          if (plan) {
            v.parse(changePlanSchema, plan)
            expect(tool.capability).toBeDefined()
          }
          for (const { key, title } of artifacts) expect(key && title).toBeTruthy()
          if (at.canaries.some((word) => told.includes(word) || summary.includes(word)))
            expect(tool.readsForeignText, 'it shows what strangers wrote').toBe(true)
        }
        for (const each of at.asked) expect(expectedOf(tool.capability)).toContain(each)
        expect(await at.files()).toEqual(before)
      })

      it('tells nothing, and does nothing, where it is refused', async () => {
        const ran = await call(sample(), { answer: 'deny' }).catch((error: unknown) => error)
        if (at.asked.length === 0) return
        expect(ran).toBeInstanceOf(SiloError)
        expect((ran as SiloError).code).toBe('approval_denied')
        expect(at.effects).toEqual([])
      })
    },
  )
}

/** A tool for programs reads files for them, too; one that changes files reads them first. */
function expectedOf(capability: Capability | undefined): Capability[] {
  if (capability === undefined) return []
  if (capability.startsWith('exec.') || capability === 'files.write')
    return [capability, 'files.read', 'files.write']
  // What is sent outside is asked for as one thing.
  if (capability === 'net.search') return ['net.search', 'net.fetch']
  return [capability]
}
