import type { GenerateEvent, GenerateRequest, Prompt } from '#shared/contracts/engine.ts'
import type { PageModelOffer } from '#shared/domain/page-model.ts'
import type { WireError } from '#shared/errors/silo-error.ts'

/** What the page and the worker of web-llm say to each other. Both are this app, of one build. */
export type ToWorker =
  | {
      readonly op: 'load'
      readonly id: number
      readonly record: PageModelOffer
      readonly contextTokens: number
      readonly f16: boolean
    }
  | { readonly op: 'generate'; readonly id: number; readonly request: GenerateRequest }
  | { readonly op: 'count'; readonly id: number; readonly prompt: Prompt }
  | { readonly op: 'cancel'; readonly id: number }

export type FromWorker =
  | { readonly op: 'progress'; readonly id: number; readonly fraction: number }
  | { readonly op: 'loaded'; readonly id: number; readonly contextTokens: number }
  | { readonly op: 'event'; readonly id: number; readonly event: GenerateEvent }
  | { readonly op: 'counted'; readonly id: number; readonly tokens: number }
  | { readonly op: 'error'; readonly id: number; readonly error: WireError }
