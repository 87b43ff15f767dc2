import type {
  CompanionAbility,
  PageAbility,
  Placement,
  PlacementTask,
  SwarmAbility,
} from './placement.ts'

/** A battery below this share, and not charging, is spared. */
const lowBattery = 0.2
/** A page that writes slower than this is no place to wait for an answer, tokens per second. */
const slowTokensPerSecond = 4
/** By how much a swarm has to be faster than the companion alone to be worth it. */
const swarmGain = 1.2

/** What a page model may be trusted with by itself, by its parameters; the first that is reached counts. */
const smallTasks: readonly { parameters: number; promptTokens: number; answerTokens: number }[] = [
  { parameters: 1e9, promptTokens: 1200, answerTokens: 500 },
  { parameters: 3e8, promptTokens: 600, answerTokens: 300 },
  { parameters: 0, promptTokens: 200, answerTokens: 250 },
]

/**
 * Where a task runs, and why. `companion` is undefined where this device knows none; a place that cannot be
 * had now `waits`. What needs the vault, a model in the page or a companion is never put where that is not; copies of
 * collections on this device stand in for the vault while no companion is there.
 */
export function choosePlacement(
  task: PlacementTask,
  page: PageAbility,
  companion: CompanionAbility | undefined,
  swarm?: SwarmAbility,
): Placement {
  if (task.pinned) return pinned(task, task.pinned, page, companion, swarm)
  const connected = companion?.connected === true
  const here = task.needsVault && page.vault === true
  if (!page.model) {
    if (connected) return atCompanion('no-page-model', task, companion, swarm)
    if (here)
      return {
        place: 'retrieval',
        reason: companion ? 'no-page-model' : 'no-model',
        passages: true,
      }
    if (companion) return { place: 'companion', reason: 'no-page-model', waits: true }
    return { place: 'retrieval', reason: 'no-model' }
  }
  if (!companion) return { place: 'page', reason: 'only-page' }
  if (!connected)
    return task.needsVault && !here
      ? { place: 'companion', reason: 'needs-vault', waits: true }
      : { place: 'page', reason: 'offline' }
  // The vault is asked on the companion, which says itself when it has no model to answer with.
  if (task.needsVault) return atCompanion('needs-vault', task, companion, swarm)
  if (!companion.model) return { place: 'page', reason: 'only-page' }
  // On the same machine the page's model has the same processor and is the weaker one.
  if (companion.road === 'loopback') return atCompanion('default-model', task, companion, swarm)
  const why = againstThePage(task, page)
  if (why) return atCompanion(why, task, companion, swarm)
  return { place: 'page', reason: 'small-task' }
}

function againstThePage(task: PlacementTask, page: PageAbility): Placement['reason'] | undefined {
  const model = page.model!
  if (task.promptTokens + task.answerTokens > model.contextTokens) return 'long-context'
  const limit = smallTasks.find(({ parameters }) => (model.parameters ?? 0) >= parameters)!
  const big = task.promptTokens > limit.promptTokens || task.answerTokens > limit.answerTokens
  if (task.kind === 'file' || big) return 'big-task'
  if (page.battery && !page.battery.charging && page.battery.level < lowBattery)
    return 'low-battery'
  if ((model.tokensPerSecond ?? Infinity) < slowTokensPerSecond) return 'slow-page'
  return undefined
}

function pinned(
  task: PlacementTask,
  place: NonNullable<PlacementTask['pinned']>,
  page: PageAbility,
  companion: CompanionAbility | undefined,
  swarm: SwarmAbility | undefined,
): Placement {
  // Pinned to this device means that nothing leaves it: without a model nothing answers.
  if (place === 'page')
    return page.model
      ? { place, reason: 'user-choice' }
      : {
          place: 'retrieval',
          reason: 'no-page-model',
          ...(task.needsVault && page.vault ? { passages: true } : {}),
        }
  const waits = companion?.connected === true ? {} : { waits: true }
  if (place === 'swarm' && swarm?.available) return { place, reason: 'user-choice', ...waits }
  return { place: 'companion', reason: 'user-choice', ...waits }
}

/** The companion, or its swarm where the task does not fit into one machine or is done sooner by several. */
function atCompanion(
  reason: Placement['reason'],
  task: PlacementTask,
  companion: CompanionAbility,
  swarm: SwarmAbility | undefined,
): Placement {
  if (swarm?.available) {
    const alone = companion.model
    const fits = alone && task.promptTokens + task.answerTokens <= alone.contextTokens
    const gain = (swarm.tokensPerSecond ?? 0) / (alone?.tokensPerSecond ?? Infinity)
    if (!fits || gain >= swarmGain) return { place: 'swarm', reason: 'swarm-faster' }
  }
  return { place: 'companion', reason }
}
