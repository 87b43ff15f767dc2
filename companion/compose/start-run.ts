import type { AgentService } from '#companion/agent/agent-service.ts'
import type { ChatService } from '#companion/chat/chat-service.ts'
import type { RunExecutor } from '#companion/runs/run.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'
import type { StartRun } from '#shared/protocol/api.ts'
import type { RunSummary } from '#shared/protocol/run-event.ts'

export interface StartParts {
  readonly runs: RunRegistry
  readonly chat: ChatService
  readonly agent: () => AgentService
  readonly ingest: (request: Extract<StartRun, { kind: 'ingest' }>) => RunExecutor
  readonly download: (modelId: string) => RunExecutor
  readonly quantize: (modelId: string) => RunExecutor
}

/** Starts what a client asks for; who may ask for it was decided before. */
export function composeStart({ runs, chat, agent, ingest, download, quantize }: StartParts) {
  return (request: StartRun, space: string): RunSummary => {
    if (request.kind === 'chat') return chat.start(request, space)
    if (request.kind === 'agent') return agent().start(request, space)
    const { id, kind } = request
    const subject = kind === 'ingest' ? request.collectionId : request.modelId
    let execute: RunExecutor | undefined
    return runs.start({
      id,
      kind,
      subject,
      space,
      request,
      // Refused before it is a run; a repeated start of the same run is not asked again.
      prepare() {
        if (kind === 'ingest') execute = ingest(request)
        else execute = kind === 'download' ? download(request.modelId) : quantize(request.modelId)
      },
      execute: (run) => execute!(run),
    })
  }
}
