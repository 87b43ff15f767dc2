import type { Citation, Message } from '#shared/domain/conversation.ts'
import type { Artifact } from '#shared/domain/artifact.ts'
import type { RunEvent, RunEventBody, StopReason } from '#shared/protocol/run-event.ts'

export type Placement = Extract<RunEventBody, { type: 'placement-chosen' }>
export type ContextUse = Extract<RunEventBody, { type: 'context-built' }>
export type Stage = Extract<RunEventBody, { type: 'progress' }>

/** An answer as its run tells it: what the message will be, and what is only of interest meanwhile. */
export interface LiveAnswer {
  readonly text: string
  readonly citations: readonly Citation[]
  readonly artifacts: readonly Artifact[]
  readonly fields: Partial<Pick<Message, 'modelId' | 'usage' | 'outcome' | 'error' | 'placement'>>
  readonly placement?: Placement
  readonly context?: ContextUse
  /** What is being done before the first word: queued, loading the model. */
  readonly stage?: Stage
  readonly stopReason?: StopReason
  /** It is the answer of an agent's task. */
  readonly task?: boolean
}

export const emptyAnswer: LiveAnswer = { text: '', citations: [], artifacts: [], fields: {} }

/** Adds one event of the run. Events come once and in order (`followRun`). */
export function foldAnswer(answer: LiveAnswer, { body }: RunEvent): LiveAnswer {
  switch (body.type) {
    case 'run-started':
      return body.kind === 'agent' ? { ...answer, task: true } : answer
    case 'text-delta': {
      const { stage: _past, ...rest } = answer
      return { ...rest, text: answer.text + body.text }
    }
    case 'placement-chosen': {
      const { place = 'companion', device, engine, reason, modelId } = body
      const placement = { place, device, engine, reason }
      return { ...answer, placement: body, fields: { ...answer.fields, modelId, placement } }
    }
    case 'context-built': {
      const { stage: _past, ...rest } = answer
      return { ...rest, context: body }
    }
    case 'citation':
      return { ...answer, citations: [...answer.citations, body.citation] }
    case 'artifact-created':
    case 'artifact-updated':
      return {
        ...answer,
        artifacts: [...answer.artifacts.filter(({ id }) => id !== body.artifact.id), body.artifact],
      }
    case 'progress': {
      if (body.stage !== 'computing') return { ...answer, stage: body }
      const { stage: _past, ...rest } = answer
      return rest
    }
    case 'usage':
      return { ...answer, fields: { ...answer.fields, usage: body.usage } }
    case 'run-ended':
      return {
        ...answer,
        fields: {
          ...answer.fields,
          outcome: body.outcome,
          ...(body.error ? { error: body.error } : {}),
        },
        ...(body.stopReason ? { stopReason: body.stopReason } : {}),
      }
    default:
      return answer
  }
}

/** The message as it stands with what its run has said so far. */
export function withAnswer(message: Message, answer: LiveAnswer): Message {
  return {
    ...message,
    ...answer.fields,
    text: answer.text,
    citations: [...answer.citations],
    artifacts: [...answer.artifacts],
  }
}
