import type { ConversationStore } from '#companion/chat/conversation-store.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import { reaches } from './granted.ts'
import type { Policies } from './policies.ts'

interface Parts {
  readonly policies: Policies
  readonly runs: RunRegistry
  readonly conversations: ConversationStore
}

/**
 * Ends what a device has under way over a collection in the moment it may not any more: its runs stop, and the
 * passages that earlier prompts of its conversations carry are forgotten, so that no later answer rests on them.
 * @returns how to stop
 */
export function followRevocations({ policies, runs, conversations }: Parts): () => void {
  const readableOf = (space: string) => new Set(policies.allowed(space, 'read'))
  let before = new Map(conversations.spaces().map((space) => [space, readableOf(space)]))
  return policies.onChange(() => {
    const now = new Map(conversations.spaces().map((space) => [space, readableOf(space)]))
    for (const [space, readable] of now) {
      const had = before.get(space) ?? readable
      if ([...had].some((id) => !readable.has(id))) conversations.forgetSentPrompts(space)
    }
    before = now
    for (const { id } of runs.list({ activeOnly: true })) {
      const { kind, space, subject } = runs.record(id)
      if (space === '') continue
      const lost =
        kind === 'ingest'
          ? !reaches(policies.accessOf(subject, space)?.level, 'write')
          : kind === 'chat' &&
            conversations.collectionsOf(subject).some((each) => !policies.accessOf(each, space))
      if (lost) runs.cancel(id)
    }
  })
}
