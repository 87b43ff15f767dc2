import type { Intent } from '#shared/domain/agent-task.ts'
import { tasksOf } from '#web/client/agent/requests.ts'
import { onChange, onRunEvent } from '#web/client/stream.ts'

/** Says which runs of a conversation are tasks, also those of the past and of other devices. Returns the end of it. */
export function noteTasks(
  conversationId: string,
  note: (runId: string, intent?: Intent) => void,
): () => void {
  let reading = new AbortController()
  const read = async (): Promise<void> => {
    reading.abort()
    const { signal } = (reading = new AbortController())
    // Without an answer, runs that go on still say themselves what they are.
    const tasks = await tasksOf(conversationId, signal).catch(() => [])
    if (!signal.aborted) for (const { id, intent } of tasks) note(id, intent)
  }
  const stops = [
    onRunEvent(({ runId, body }) => {
      if (body.type === 'run-started' && body.kind === 'agent' && body.subject === conversationId)
        note(runId)
    }),
    onChange('conversations', ({ id }) => {
      if (id === undefined || id === conversationId) void read()
    }),
  ]
  void read()
  return () => {
    for (const stop of stops) stop()
    reading.abort()
  }
}
