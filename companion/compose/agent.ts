import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { AgentService } from '#companion/agent/agent-service.ts'
import { Approvals } from '#companion/agent/approvals.ts'
import { IntentRouter } from '#companion/agent/intent-router.ts'
import type { AnySkill, JournalPort, OfferedTool, PolicyPort } from '#companion/agent/ports.ts'
import { Schedules } from '#companion/agent/schedules.ts'
import { SkillRegistry } from '#companion/agent/skill-registry.ts'
import { TaskStore } from '#companion/agent/task-store.ts'
import type { TaskLimits } from '#companion/agent/usage.ts'
import type { ArtifactStore } from '#companion/chat/artifact-store.ts'
import type { ChatService } from '#companion/chat/chat-service.ts'
import type { ConversationStore } from '#companion/chat/conversation-store.ts'
import type { ModelPort } from '#companion/chat/ports.ts'
import type { Blobs } from '#companion/journal/blobs.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import { canonicalPath, namedPath } from '#companion/policy/canonical-path.ts'
import type { RunRegistry } from '#companion/runs/registry.ts'

export interface AgentOverrides {
  readonly tools?: readonly OfferedTool[]
  readonly skills?: readonly AnySkill[]
  readonly limits?: TaskLimits
}

export interface AgentParts {
  readonly home: string
  readonly database: DatabaseSync
  readonly runs: RunRegistry
  readonly changes: ChangeFeed
  readonly conversations: ConversationStore
  readonly artifacts: ArtifactStore
  readonly chat: ChatService
  readonly models: ModelPort
  readonly policy: PolicyPort
  readonly journal: JournalPort
  readonly blobs: Blobs
  /** Contents that the journal names. */
  readonly namedContents: () => ReadonlySet<string>
  /** All tools there are now: MCP servers come and go. */
  readonly tools: () => readonly OfferedTool[]
  readonly skills: readonly AnySkill[]
  /** A PNG of the first page of a file. */
  readonly picture?: (path: string, signal: AbortSignal) => Promise<Uint8Array | undefined>
  readonly log: Log
  readonly overrides: AgentOverrides
}

/** Puts the agent together. `start` goes on with what a former process left; called once, when all is served. */
export function composeAgent(parts: AgentParts) {
  const { home, database, runs, changes, conversations, artifacts, chat, log, overrides } = parts
  const approvals = new Approvals(database, () => changes.publish('status'))
  parts.blobs.sweep(new Set([...parts.namedContents(), ...approvals.namedContents()]))
  const builtIn = [...parts.skills, ...(overrides.skills ?? [])]
  const skills = new SkillRegistry(builtIn, join(home, 'skills'))
  const sketches = () =>
    skills.usable().map(({ skill: { id, description, examples } }) => ({ id, description, examples })) // prettier-ignore
  const service = new AgentService({
    store: new TaskStore(database),
    approvals,
    policy: parts.policy,
    journal: parts.journal,
    models: parts.models,
    tools: () => {
      const given = overrides.tools ?? []
      const replaced = new Set(given.map(({ tool }) => tool.name))
      return [...parts.tools().filter(({ tool }) => !replaced.has(tool.name)), ...given]
    },
    keep: (content) => parts.blobs.keep(content),
    keepArtifact: (task, artifact, callId) =>
      artifacts.addMade(
        { ...artifact, key: `${task.id}/${artifact.key}` },
        {
          conversationId: task.conversationId,
          messageId: task.messageId,
          runId: task.id,
          ...(callId === undefined ? {} : { callId }),
        },
      ),
    runs,
    changes,
    skills,
    intents: new IntentRouter(parts.models, sketches, log),
    conversations: {
      prepare: (request, space) => chat.prepare(request, space),
      message: (conversationId, id) => conversations.message(conversationId, id),
      finish: (message) => conversations.finish(message),
    },
    canonical: (named) => canonicalPath(namedPath(named)),
    log,
    ...(overrides.limits ? { limits: overrides.limits } : {}),
  })
  const schedules = new Schedules({
    database,
    start: (request, scheduleId) => service.start(request, '', { scheduleId }),
    conversations,
    changed: () => changes.publish('settings', 'schedules'),
    log,
  })
  return {
    gateway: { service, schedules, ...(parts.picture ? { picture: parts.picture } : {}) },
    service,
    start(): void {
      service.resume()
      schedules.start()
    },
    close: () => schedules.close(),
  }
}
