import { describe, expect, it } from 'vitest'
import { choosePlacement } from './choose.ts'
import type {
  CompanionAbility,
  PageAbility,
  Placement,
  PlacementTask,
  SwarmAbility,
} from './placement.ts'

const small: PlacementTask = { kind: 'chat', promptTokens: 60, answerTokens: 80, needsVault: false }
const big: PlacementTask = { ...small, promptTokens: 900, answerTokens: 900 }
const model = { id: 'page-360m', contextTokens: 4096, parameters: 3.6e8, tokensPerSecond: 12 }
const page: PageAbility = { model }
const bare: PageAbility = {}
const desk: CompanionAbility = {
  connected: true,
  road: 'webrtc',
  model: { id: 'desk-7b', contextTokens: 8192, tokensPerSecond: 20 },
}
const away: CompanionAbility = { connected: false }
const here: CompanionAbility = { ...desk, road: 'loopback' }
const swarm: SwarmAbility = { available: true, tokensPerSecond: 40 }
const pin = (pinned: NonNullable<PlacementTask['pinned']>, task = small) => ({ ...task, pinned })

type Case = [
  name: string,
  task: PlacementTask,
  page: PageAbility,
  companion: CompanionAbility | undefined,
  wanted: Placement,
  swarm?: SwarmAbility,
]
const cases: Case[] = [
  // Only one place, or none.
  ['no companion known', big, page, undefined, { place: 'page', reason: 'only-page' }],
  ['nothing anywhere', small, bare, undefined, { place: 'retrieval', reason: 'no-model' }],
  ['no page model', small, bare, desk, { place: 'companion', reason: 'no-page-model' }],
  ['no page model, companion away', small, bare, away, { place: 'companion', reason: 'no-page-model', waits: true }],
  ['companion without a model', small, page, { connected: true, road: 'webrtc' }, { place: 'page', reason: 'only-page' }],
  // Disconnected.
  ['companion away', small, page, away, { place: 'page', reason: 'offline' }],
  ['companion away, big', big, page, away, { place: 'page', reason: 'offline' }],
  ['companion away, vault', { ...small, needsVault: true }, page, away, { place: 'companion', reason: 'needs-vault', waits: true }],
  ['companion away, vault copied here', { ...small, needsVault: true }, { ...page, vault: true }, away, { place: 'page', reason: 'offline' }],
  ['companion away, vault copied here, no model', { ...small, needsVault: true }, { vault: true }, away, { place: 'retrieval', reason: 'no-page-model', passages: true }],
  ['companion away, no model, not about the vault', small, { vault: true }, away, { place: 'companion', reason: 'no-page-model', waits: true }],
  ['no companion known, vault copied here', { ...small, needsVault: true }, { vault: true }, undefined, { place: 'retrieval', reason: 'no-model', passages: true }],
  ['connected, vault copied here', { ...small, needsVault: true }, { ...page, vault: true }, desk, { place: 'companion', reason: 'needs-vault' }],
  ['pinned to the page, vault copied here, no model', pin('page', { ...small, needsVault: true }), { vault: true }, desk, { place: 'retrieval', reason: 'no-page-model', passages: true }],
  // Both could.
  ['small task', small, page, desk, { place: 'page', reason: 'small-task' }],
  ['small spoken task', { ...small, kind: 'voice' }, page, desk, { place: 'page', reason: 'small-task' }],
  ['big prompt', { ...small, promptTokens: 700 }, page, desk, { place: 'companion', reason: 'big-task' }],
  ['big answer', { ...small, answerTokens: 900 }, page, desk, { place: 'companion', reason: 'big-task' }],
  ['a file', { ...small, kind: 'file' }, page, desk, { place: 'companion', reason: 'big-task' }],
  ['same task, stronger page', { ...small, promptTokens: 700 }, { model: { ...model, parameters: 1.5e9 } }, desk, { place: 'page', reason: 'small-task' }],
  ['same task, weaker page', { ...small, promptTokens: 300 }, { model: { ...model, parameters: 1.35e8 } }, desk, { place: 'companion', reason: 'big-task' }],
  ['strength unknown', { ...small, promptTokens: 300 }, { model: { id: 'x', contextTokens: 4096 } }, desk, { place: 'companion', reason: 'big-task' }],
  ['longer than the page can read', { ...small, promptTokens: 4090 }, page, desk, { place: 'companion', reason: 'long-context' }],
  ['vault', { ...small, needsVault: true }, page, desk, { place: 'companion', reason: 'needs-vault' }],
  ['low battery', small, { ...page, battery: { level: 0.1, charging: false } }, desk, { place: 'companion', reason: 'low-battery' }],
  ['low battery, charging', small, { ...page, battery: { level: 0.1, charging: true } }, desk, { place: 'page', reason: 'small-task' }],
  ['low battery, companion away', small, { ...page, battery: { level: 0.1, charging: false } }, away, { place: 'page', reason: 'offline' }],
  ['slow page', small, { model: { ...model, tokensPerSecond: 2 } }, desk, { place: 'companion', reason: 'slow-page' }],
  ['same machine', small, page, here, { place: 'companion', reason: 'default-model' }],
  // Pinned.
  ['pinned to the page', pin('page', big), page, desk, { place: 'page', reason: 'user-choice' }],
  ['pinned to the page without a model', pin('page'), bare, desk, { place: 'retrieval', reason: 'no-page-model' }],
  ['pinned to the companion', pin('companion'), page, desk, { place: 'companion', reason: 'user-choice' }],
  ['pinned to the companion, away', pin('companion'), page, away, { place: 'companion', reason: 'user-choice', waits: true }],
  ['pinned to the companion, none known', pin('companion'), page, undefined, { place: 'companion', reason: 'user-choice', waits: true }],
  ['pinned to the swarm', pin('swarm'), page, desk, { place: 'swarm', reason: 'user-choice' }, swarm],
  ['pinned to a swarm that is not', pin('swarm'), page, desk, { place: 'companion', reason: 'user-choice' }],
  // Swarm.
  ['faster together', big, page, desk, { place: 'swarm', reason: 'swarm-faster' }, swarm],
  ['hardly faster together', big, page, desk, { place: 'companion', reason: 'big-task' }, { available: true, tokensPerSecond: 21 }],
  ['too long for one machine', { ...big, promptTokens: 20_000 }, page, desk, { place: 'swarm', reason: 'swarm-faster' }, { available: true }],
  ['no swarm now', big, page, desk, { place: 'companion', reason: 'big-task' }, { available: false, tokensPerSecond: 40 }],
  ['small tasks stay out of it', small, page, desk, { place: 'page', reason: 'small-task' }, swarm],
] // prettier-ignore

describe('choosePlacement', () => {
  it.each(cases)('%s', (_name, task, page, companion, wanted, swarm) => {
    expect(choosePlacement(task, page, companion, swarm)).toEqual(wanted)
  })
})
