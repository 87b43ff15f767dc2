import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs' // prettier-ignore
import { join } from 'node:path'
import { SiloError, type Language } from '#shared/errors/silo-error.ts'
import type { SkillInfo } from '#shared/protocol/agent.ts'
import { readOwnSkill, type OwnSkill } from './own-skill.ts'
import type { AnySkill } from './ports.ts'

const idPattern = /^[a-z][a-z0-9-]{0,63}$/
const mostBytes = 400_000

/** A skill as it is carried out. */
export type KnownSkill =
  | { readonly kind: 'built-in'; readonly skill: AnySkill }
  | { readonly kind: 'own'; readonly skill: OwnSkill }

/** Skills that come with Silo, and those that people wrote as Markdown files in `<home>/skills`. */
export class SkillRegistry {
  readonly #builtIn: readonly AnySkill[]
  readonly #folder: string

  constructor(builtIn: readonly AnySkill[], folder: string) {
    this.#builtIn = builtIn
    this.#folder = folder
  }

  /** @throws SiloError skill_unknown, skill_invalid */
  get(id: string): KnownSkill {
    const skill = this.#builtIn.find((each) => each.id === id)
    if (skill) return { kind: 'built-in', skill }
    return { kind: 'own', skill: readOwnSkill(id, this.#source(id)) }
  }

  /** All that can be used. */
  usable(): KnownSkill[] {
    const own = this.#ownIds().flatMap((id): KnownSkill[] => {
      try {
        return [this.get(id)]
      } catch {
        return []
      }
    })
    return [...this.#builtIn.map((skill) => ({ kind: 'built-in' as const, skill })), ...own]
  }

  list(language: Language): SkillInfo[] {
    const builtIn = this.#builtIn.map((skill) => ({
      id: skill.id,
      title: skill.title[language],
      description: skill.description,
      examples: [...skill.examples],
      parameters: { ...skill.parameters },
      builtIn: true,
    }))
    return [...builtIn, ...this.#ownIds().map((id) => this.#info(id))]
  }

  /** Writes an own skill. @throws SiloError skill_invalid, storage_failed */
  put(id: string, source: string): SkillInfo {
    if (!idPattern.test(id) || this.#builtIn.some((skill) => skill.id === id))
      throw new SiloError('skill_invalid', { params: { detail: id }, field: 'id' })
    readOwnSkill(id, source)
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      const temporary = join(this.#folder, `.${id}.part`)
      writeFileSync(temporary, source, { mode: 0o600 })
      renameSync(temporary, join(this.#folder, `${id}.md`))
    } catch (cause) {
      throw new SiloError('storage_failed', { cause })
    }
    return this.#info(id)
  }

  /** @throws SiloError skill_unknown */
  remove(id: string): void {
    this.#source(id)
    rmSync(join(this.#folder, `${id}.md`), { force: true })
  }

  #ownIds(): string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => name.endsWith('.md') && idPattern.test(name.slice(0, -3)))
        .map((name) => name.slice(0, -3))
        .sort()
    } catch {
      return []
    }
  }

  #source(id: string): string {
    const unknown = (cause?: unknown) => new SiloError('skill_unknown', { params: { name: id.slice(0, 64) }, cause }) // prettier-ignore
    if (!idPattern.test(id)) throw unknown()
    try {
      const path = join(this.#folder, `${id}.md`)
      if (statSync(path).size > mostBytes) throw new SiloError('skill_invalid', { params: { detail: 'size' } }) // prettier-ignore
      return readFileSync(path, 'utf8')
    } catch (cause) {
      throw cause instanceof SiloError ? cause : unknown(cause)
    }
  }

  #info(id: string): SkillInfo {
    const nothing = { id, title: id, description: '', examples: [], parameters: {}, builtIn: false }
    let source = ''
    try {
      source = this.#source(id)
      const { title, description, examples, parameters } = readOwnSkill(id, source)
      return { id, title, description, examples: [...examples], parameters: { ...parameters }, builtIn: false, source } // prettier-ignore
    } catch (error) {
      return { ...nothing, source, problem: error instanceof Error ? error.message : 'unreadable' }
    }
  }
}
