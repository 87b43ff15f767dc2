import type { GenericSchema } from 'valibot'
import type { ChangeEdit } from '#shared/domain/approval.ts'
import type { Capability } from '#shared/domain/capability.ts'
import type { ChangePlan, ChangeResult, FileChange } from '#shared/domain/file-change.ts'
import type { Language } from '#shared/errors/silo-error.ts'
import type { ToolArtifact, ToolResult } from './tool.ts'

/**
 * A recipe with typed inputs for common work, strong enough that a small model only has to fill in the input.
 * It runs durably: after a restart it is run again from its beginning with the results of its finished steps.
 * So everything that is not pure goes through `step`, `tool`, `propose`, `ask` or `model`, always in the same order with the same keys.
 */
export interface Skill<Input = never> {
  readonly specVersion: 1
  /** `file-invoices`, … */
  readonly id: string
  readonly title: Readonly<Record<Language, string>>
  /** One line of English for the model that chooses. */
  readonly description: string
  /** Instructions it is for, in both languages; they help the intent router. */
  readonly examples: readonly string[]
  readonly capabilities: readonly Capability[]
  /** JSON Schema of the input, an object. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly input: GenericSchema<unknown, Input>
  /** What can be read from the instruction without a model (folders, time spans, …); what is missing is asked of the model, then of the person. */
  understand?(goal: string, now: number, language: Language): Partial<Record<string, unknown>>
  run(input: Input, task: TaskContext): Promise<void>
}

/** What a skill and the free agent have of their task. All waits end with the task's signal. */
export interface TaskContext {
  readonly taskId: string
  readonly goal: string
  readonly language: Language
  readonly caller: string
  /** Ms since 1970, the same after a restart. */
  readonly startedAt: number
  readonly signal: AbortSignal
  /** Shows the plan; a title in the task's language. Steps not named any more stay. */
  plan(steps: readonly { readonly id: string; readonly title: string }[]): void
  /** Durable: `work` runs once per `key`; its JSON result is kept. Shown as the plan's step where `key` names one. */
  step<T>(key: string, work: () => Promise<{ value: T; note?: string }>): Promise<T>
  /** Durable call of a tool by name, with policy, leave and events. Tool errors are thrown. */
  tool(key: string, name: string, input: Record<string, unknown>): Promise<ToolResult>
  /**
   * Shows the changes for approval, makes the approved ones by the journal, and returns what became of them. Durable.
   * `rebuild` gives a change for corrected facts (a new target name). Denied: all results are `skipped`.
   */
  propose(
    key: string,
    plan: ChangePlan,
    rebuild?: (change: FileChange, edit: ChangeEdit) => FileChange,
  ): Promise<readonly ChangeResult[]>
  /** Asks the person. Durable. @throws SiloError approval_denied */
  ask(key: string, text: string, options?: readonly string[]): Promise<string>
  /** A JSON value by the model, held to the schema by a grammar. Durable. `context` is foreign text: data, not instructions. */
  json<T>(key: string, request: { readonly instruction: string; readonly context?: string; readonly schema: Record<string, unknown>; readonly parse: GenericSchema<unknown, T>; readonly maxTokens?: number }): Promise<T>
  /** Text by the model, streamed into the answer when `show`. Durable. */
  write(key: string, request: { readonly instruction: string; readonly context?: string; readonly maxTokens?: number; readonly show?: boolean }): Promise<string>
  /** Adds to the answer. */
  say(text: string): void
  artifact(artifact: ToolArtifact): void
} // prettier-ignore
