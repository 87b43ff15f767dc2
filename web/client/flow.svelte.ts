import type { Usage } from '#shared/domain/conversation.ts'
import type { RunEventBody } from '#shared/protocol/run-event.ts'

export type Placement = Extract<RunEventBody, { type: 'placement-chosen' }>
export type ContextUse = Extract<RunEventBody, { type: 'context-built' }>

/** Where the newest answer of the open conversation runs and how its context is filled: measured, never guessed. */
class Flow {
  modelId = $state<string>()
  placement = $state.raw<Placement>()
  context = $state.raw<ContextUse>()
  usage = $state.raw<Usage>()
  running = $state(false)

  clear(): void {
    this.placement = undefined
    this.context = undefined
    this.usage = undefined
    this.running = false
  }
}

/** Written by the open conversation, shown in the top bar. */
export const flow = new Flow()
