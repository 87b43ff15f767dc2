import type { TransportKind } from '#shared/domain/device.ts'

/** Where a task may run. `retrieval` shows the best passages without a model: the last step down. */
export const placements = ['page', 'companion', 'swarm', 'retrieval'] as const
export type Place = (typeof placements)[number]

/** Why a place was chosen: a code that the UI translates. */
export const placementReasons = [
  'only-companion',
  'only-page',
  'user-choice',
  'default-model',
  'offline',
  'small-task',
  'big-task',
  'needs-vault',
  'long-context',
  'low-battery',
  'slow-page',
  'no-page-model',
  'no-model',
  'swarm-faster',
] as const
export type PlacementReason = (typeof placementReasons)[number]

export interface PlacementTask {
  readonly kind: 'chat' | 'voice' | 'file'
  /** Estimated tokens of the prompt with its history. */
  readonly promptTokens: number
  /** Estimated tokens of the answer. */
  readonly answerTokens: number
  /** Rests on collections of the companion's vault. */
  readonly needsVault: boolean
  /** What the user pinned: for the conversation, else in the settings. */
  readonly pinned?: Exclude<Place, 'retrieval'>
}

export interface PageAbility {
  /** A model in the page that is on this device and could be loaded now. */
  readonly model?: {
    readonly id: string
    readonly contextTokens: number
    readonly tokensPerSecond?: number
    /** How strong it is: its number of weights. */
    readonly parameters?: number
  }
  /** 0…1; absent where the browser does not tell. */
  readonly battery?: { readonly level: number; readonly charging: boolean }
  readonly saveData?: boolean
  /** Every collection the question is about has a copy on this device. */
  readonly vault?: boolean
}

export interface CompanionAbility {
  readonly connected: boolean
  readonly road?: TransportKind
  readonly model?: {
    readonly id: string
    readonly contextTokens: number
    readonly tokensPerSecond?: number
  }
  /** Runs before this one. */
  readonly queued?: number
}

/** The pooled machines of a companion, where there are any. */
export interface SwarmAbility {
  readonly available: boolean
  readonly tokensPerSecond?: number
}

export interface Placement {
  readonly place: Place
  readonly reason: PlacementReason
  /** For `retrieval`: passages of this device's copies are the answer; without, there is none. */
  readonly passages?: boolean
  /** The place is not to be had now: ask later, keep in the outbox. */
  readonly waits?: boolean
}
