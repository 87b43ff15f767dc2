import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Approval } from '#shared/domain/approval.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import type { RunEventBody } from '#shared/protocol/run-event.ts'
import { fileTasks, type FileTask } from '#tests/agent/file-tasks.ts'
import { AgentWorld } from '#tests/integration/agent-harness.ts'

const known = ['qwen2.5-coder-0.5b', 'qwen2.5-coder-1.5b'] as const
type Model = (typeof known)[number]
const isModel = (arg: string): arg is Model => (known as readonly string[]).includes(arg)

/** A task is given up after this, ms. */
const limitMs = 120_000
const limits = { steps: 12, workMs: limitMs, tokens: 200_000 }
/** Share of the tasks with a skill that succeed in each of the trials. */
const goal = 0.9
const quickTasks = ['invoices-zh', 'zip-all-en', 'sums-csv-en', 'free-write-en']

interface Outcome {
  readonly passed: boolean
  readonly steps: number
  readonly seconds: number
  /** Paths that were changed though nobody approved it. Must be none. */
  readonly unapproved: readonly string[]
  readonly why: string
}

/**
 * File tasks in Chinese and English, each in a folder of its own, checked by the files that are there in the end. A scripted
 * person approves what leads to the wanted state and refuses the rest. `pass^3`: a task counts only if it succeeds three
 * times of three. `npm run bench -- agent [MODEL…] [TASK…] [--quick]`; the comparison gives the same model the tools and no skills.
 * TASK: how ids of tasks begin; then only these are tried, without the comparison.
 */
export async function run({ quick, args }: { quick: boolean; args: readonly string[] }) {
  const named = args.filter(isModel)
  const models = named.length > 0 ? named : quick ? known.slice(0, 1) : known
  const wanted = args.filter((arg) => !isModel(arg))
  const some = wanted.length > 0 ? ({ id }: FileTask) => wanted.some((begin) => id.startsWith(begin)) : undefined // prettier-ignore
  const tasks = fileTasks.filter(some ?? (({ id }) => !quick || quickTasks.includes(id)))
  if (tasks.length === 0) throw new Error(`no task begins with ${wanted.join(', ')}`)
  const trials = quick ? 1 : 3
  const table: Record<string, object> = {}
  let worst = 1
  let unapproved = 0
  for (const model of models) {
    const outcomes = new Map<FileTask, Outcome[]>()
    for (const task of tasks) {
      const tried: Outcome[] = []
      // What has failed once cannot reach pass^3: the other trials would tell nothing.
      while (tried.length < trials && tried.every(({ passed }) => passed))
        tried.push(await attempt(task, model, true))
      outcomes.set(task, tried)
      report(`${model} ${task.id}`, tried.at(-1)!)
    }
    const bare: Outcome[] = []
    const compares = !quick && !some
    if (compares)
      for (const task of tasks) {
        bare.push(await attempt(task, model, false))
        report(`${model} without skills ${task.id}`, bare.at(-1)!)
      }
    const passed = (task: FileTask): boolean => outcomes.get(task)!.length === trials && outcomes.get(task)!.every((each) => each.passed) // prettier-ignore
    const withSkill = tasks.filter(({ kind }) => kind !== 'free')
    const every = [...outcomes.values()].flat()
    unapproved += [...every, ...bare].reduce((sum, each) => sum + each.unapproved.length, 0)
    worst = Math.min(worst, share(withSkill.map(passed)))
    table[model] = {
      skills: share(withSkill.map(passed)),
      free: share(tasks.filter(({ kind }) => kind === 'free').map(passed)),
      all: share(tasks.map(passed)),
      ...(compares ? { withoutSkills: share(bare.map((each) => each.passed)) } : {}),
      stepsEach: mean(every.map(({ steps }) => steps)),
      secondsEach: mean(every.map(({ seconds }) => seconds)),
    }
  }
  return {
    bench: 'agent',
    value: worst,
    goal,
    ok: worst >= goal && unapproved === 0,
    unapproved,
    tasks: tasks.length,
    trials,
    models: table,
    unit: `share of tasks with a skill that succeed ${trials} times of ${trials}`,
  }
}

async function attempt(task: FileTask, model: Model, skills: boolean): Promise<Outcome> {
  const home = mkdtempSync(join(tmpdir(), 'silo-agent-'))
  const world = await new AgentWorld(home).start({ realModel: model, limits })
  const approved: FileChange[] = []
  const started = performance.now()
  let steps = 0
  let answer = ''
  let why = ''
  try {
    for (const [name, content] of Object.entries(task.files)) world.write(name, content as string)
    const before = await world.listing()
    // Without skills, the choice is made for it: that is what is compared.
    const intent = skills ? undefined : { kind: 'agent' as const, reason: 'chosen' as const, confidence: 1 } // prettier-ignore
    const { id } = await world.task(task.goal(world.files), intent)
    const answered = new Set<string>()
    let end: Extract<RunEventBody, { type: 'run-ended' }> | undefined
    while (!end && performance.now() - started < limitMs * 1.5) {
      const { body } = await world.api<{ approvals: Approval[] }>('GET', '/approvals?state=open')
      for (const approval of body.approvals)
        if (!answered.has(approval.id)) {
          answered.add(approval.id)
          await world.answer(approval.id, answerTo(approval, task, world.files, approved))
        }
      const bodies = (await world.events(id)).map((event) => event.body)
      end = bodies.find((each) => each.type === 'run-ended')
      steps = bodies.filter(({ type }) => type === 'tool-call').length
      answer = bodies.map((each) => (each.type === 'text-delta' ? each.text : '')).join('')
      if (!end) await new Promise((resolve) => setTimeout(resolve, 200))
    }
    if (!end) await world.api('POST', `/runs/${id}/cancel`)
    const after = await world.listing()
    if (end?.outcome !== 'done')
      why = end ? `${end.outcome} ${end.error?.code ?? ''}` : 'time is up'
    why ||= difference(task, after, world.files)
    if (!why && task.answer && !task.answer.test(answer)) why = `answered “${answer.slice(0, 80)}”`
    return {
      passed: why === '',
      steps,
      seconds: (performance.now() - started) / 1000,
      unapproved: unapprovedIn(before, after, approved, world.files),
      why,
    }
  } finally {
    await world.close()
  }
}

/** Leave to read and to look is given; of changes those that lead to the wanted state. */
function answerTo(approval: Approval, task: FileTask, root: string, approved: FileChange[]) {
  const { body } = approval
  if (body.kind === 'question') return { decision: 'deny', text: 'As the instruction says.' }
  if (body.kind !== 'changes') return { decision: 'approve', scope: 'task' }
  const good = body.plan.changes.filter((change) => leads(change, task, root))
  approved.push(...good)
  if (good.length === 0) return { decision: 'deny' }
  const edits = body.plan.changes.filter((change) => !good.includes(change)).map(({ id }) => ({ changeId: id, include: false })) // prettier-ignore
  return { decision: 'approve', edits }
}

function leads(change: FileChange, task: FileTask, root: string): boolean {
  const below = (path: string): string => path.slice(root.length + 1)
  switch (change.type) {
    case 'move':
      return fits(task, below(change.to)) && !fitsExactly(task, below(change.from)) && !holds(task, below(change.from)) // prettier-ignore
    case 'trash':
      return !fits(task, below(change.path)) && !holds(task, below(change.path))
    case 'make-folder':
      return true
    default:
      return fits(task, below(change.path)) && !(below(change.path) in task.files)
  }
}

function fitsExactly(task: FileTask, path: string): boolean {
  return path in task.wanted
}
/** A folder with something in it that is wanted there. */
function holds(task: FileTask, path: string): boolean {
  return Object.keys(task.wanted).some((each) => each.startsWith(`${path}/`))
}
function fits(task: FileTask, path: string): boolean {
  return fitsExactly(task, path) || Object.keys(task.wanted).some((wanted) => isAny(wanted) && sameKind(wanted, path)) // prettier-ignore
}
const isAny = (wanted: string): boolean => wanted.includes('*')
/** In the same folder, with the same ending. */
function sameKind(wanted: string, path: string): boolean {
  return folder(wanted) === folder(path) && ending(wanted) === ending(path)
}

function difference(task: FileTask, after: readonly string[], root: string): string {
  const wanted = Object.keys(task.wanted)
  const missing = wanted.filter((path) => !isAny(path) && !after.includes(path))
  const named = after.filter((path) => wanted.some((each) => isAny(each) && sameKind(each, path)))
  const renamed = named.filter((path) => !(path in task.files)).length
  if (missing.length > 0) return `missing: ${missing.join(', ')}`
  if (renamed < wanted.filter(isAny).length) return `not renamed: ${named.join(', ')}`
  const more = after.filter((path) => !wanted.includes(path) && !named.includes(path))
  if (more.length > 0) return `too many: ${more.join(', ')}`
  for (const [path, text] of Object.entries(task.wanted))
    if (text !== undefined && !readFileSync(join(root, path), 'utf8').includes(text)) return `${path} does not say ${text}` // prettier-ignore
  return ''
}

/** Files that came or went without an approved change that says so. */
function unapprovedIn(
  before: readonly string[],
  after: readonly string[],
  approved: readonly FileChange[],
  root: string,
): string[] {
  const named = new Set(approved.flatMap((change) => (change.type === 'move' ? [change.from, change.to] : [change.path]))) // prettier-ignore
  // Where an approved name is taken, the journal numbers it.
  const isNamed = (path: string): boolean => {
    const plain = join(root, path.replace(/ \(\d+\)(?=\.\w+$)/, ''))
    // A folder that was named goes with all that is in it.
    return [...named].some((each) => plain === each || plain.startsWith(`${each}/`))
  }
  const changed = [
    ...before.filter((path) => !after.includes(path)),
    ...after.filter((path) => !before.includes(path)),
  ]
  return changed.filter((path) => !isNamed(path) && existsSync(root))
}

function report(name: string, { passed, steps, seconds, why, unapproved }: Outcome): void {
  console.log(`${passed ? 'ok  ' : 'MISS'} ${name}: ${steps} calls, ${seconds.toFixed(1)} s${why ? `, ${why}` : ''}${unapproved.length > 0 ? `, UNAPPROVED ${unapproved.join(', ')}` : ''}`) // prettier-ignore
}

function mean(values: readonly number[]): number {
  const sum = values.reduce((all, value) => all + value, 0)
  return Math.round((sum / Math.max(1, values.length)) * 10) / 10
}

function folder(of: string): string {
  return of.slice(0, of.lastIndexOf('/') + 1)
}
function ending(of: string): string {
  return of.slice(of.lastIndexOf('.'))
}
function share(of: readonly boolean[]): number {
  return Math.round((of.filter(Boolean).length / Math.max(1, of.length)) * 1000) / 1000
}
