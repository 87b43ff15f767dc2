import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { sep } from 'node:path'
import type { ApprovalAnswer, ApprovalBody } from '#shared/domain/approval.ts'
import type { Capability, Grant, SwitchName, SwitchState } from '#shared/domain/capability.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { FileAccess, Leave, LeaveRequest } from '#shared/contracts/tool.ts'
import { canonicalPath, namedPath } from './canonical-path.ts'
import { createFileAccess } from './file-access.ts'
import type { PolicyRecords } from './policy-records.ts'
import { refusalOf, secretPlaces } from './refused-places.ts'
import { SameFiles } from './same-files.ts'

/** What the policy must know of a task. */
export interface TaskUnderPolicy {
  readonly taskId: string
  /** Has the model read text that somebody else wrote? */
  tainted(): boolean
  /** Did the person's own words name this (a folder, a host)? */
  named(resource: string): boolean
  /** Asks the person, and waits. @throws the task's signal's reason */
  ask(body: ApprovalBody): Promise<{ answer: ApprovalAnswer; by: string }>
}

const minuteMs = 60_000
const switchOf: Partial<Record<Capability, SwitchName>> = {
  'net.search': 'web',
  'net.fetch': 'web',
  'exec.shell': 'exec',
}

/** Decides, outside any model, what an agent may use. What a model says does not reach it but as a request. */
export class Policy {
  readonly #records: PolicyRecords
  readonly #own: readonly string[]
  readonly #onChange: () => void
  readonly #same: SameFiles

  /** @param own Silo's own folders, canonical: refused whatever is granted */
  constructor(records: PolicyRecords, own: readonly string[], onChange: () => void = () => {}) {
    this.#records = records
    this.#own = own
    this.#onChange = onChange
    this.#same = new SameFiles(() => [...this.#own, ...secretPlaces()])
  }

  grants(): Grant[] {
    return this.#records.list()
  }

  /** A lasting grant, of a folder by any of its names. @throws SiloError path_refused, path_not_found */
  async grant(
    grant: { id: string; capability: Capability; resource: string },
    by: string,
  ): Promise<void> {
    const isPath = grant.capability.startsWith('files.')
    const resource = isPath ? await canonicalPath(namedPath(grant.resource)) : grant.resource
    if (isPath) this.requireOpen(resource)
    this.#records.add({ ...grant, resource, scope: 'always', givenBy: by, givenAt: Date.now() })
    this.#onChange()
  }

  removeGrant(id: string): void {
    this.#records.remove(id)
    this.#onChange()
  }

  endTask(taskId: string): void {
    this.#records.endTask(taskId)
  }

  switches(): SwitchState[] {
    return this.#records.switches()
  }

  setSwitch(name: SwitchName, on: boolean, minutes: number, by: string): SwitchState[] {
    this.#records.setSwitch(name, on ? Date.now() + minutes * minuteMs : undefined, by)
    this.#onChange()
    return this.switches()
  }

  /** @throws SiloError switch_off */
  requireSwitch(name: SwitchName): void {
    if (!this.switches().some((each) => each.name === name && each.on))
      throw new SiloError('switch_off', { params: { name } })
  }

  /** @throws SiloError path_refused */
  requireOpen(canonical: string): void {
    const detail = refusalOf(canonical, this.#own)
    if (detail) throw new SiloError('path_refused', { params: { path: canonical, detail } })
  }

  refused(canonical: string): boolean {
    return refusalOf(canonical, this.#own) !== undefined
  }

  /**
   * As `requireOpen`, and asks the disk: a refused place that is mounted a second time has another path.
   * @throws SiloError path_refused
   */
  async requireOpenPlace(canonical: string): Promise<void> {
    this.requireOpen(canonical)
    if (await this.#same.isWithin(canonical)) throw new SiloError('path_refused', { params: { path: canonical, detail: 'secrets' } }) // prettier-ignore
  }

  /** A file with several names may be one that is refused under another. @throws SiloError path_refused */
  async requireOpenFile(canonical: string, stats: BigIntStats): Promise<void> {
    const also = await this.#same.isAlso(stats)
    if (also) throw new SiloError('path_refused', { params: { path: canonical, detail: 'hard link' } }) // prettier-ignore
  }

  /** The files of the computer as a task may see them. */
  files(task: TaskUnderPolicy): FileAccess {
    return createFileAccess(this, task)
  }

  /** What a task asks leave with. */
  leave(task: TaskUnderPolicy): Leave {
    return (request) => this.#leave(task, request)
  }

  /** Is there a grant that covers it? A folder's grant covers what is below; leave to write includes to read. */
  covers(task: TaskUnderPolicy, capability: Capability, resource: string): boolean {
    const wanted = capability === 'files.read' ? (['files.read', 'files.write'] as const) : [capability] // prettier-ignore
    return wanted.some((each) =>
      this.#records.list(each, task.taskId).some(
        (grant) =>
          covering(grant.resource, resource, each.startsWith('files.')) &&
          // What was granted for ever was not granted to whoever wrote a document.
          (grant.scope !== 'always' || !task.tainted() || isNamed(task, capability, resource)),
      ),
    )
  }

  async #leave(task: TaskUnderPolicy, request: LeaveRequest): Promise<void> {
    const tainted = task.tainted() && !(request.kind === 'grant' && isNamed(task, request.capability, request.resource)) // prettier-ignore
    const capability = capabilityOf(request)
    const name = switchOf[capability]
    if (name) this.requireSwitch(name)
    if (request.kind === 'grant') {
      if (request.capability.startsWith('files.')) this.requireOpen(request.resource)
      if (this.covers(task, request.capability, request.resource)) return
    }
    const resource = resourceOf(request)
    if (request.kind !== 'grant' && !tainted && this.covers(task, capability, resource)) return
    const { answer, by } = await task.ask(bodyOf(request, tainted))
    if (answer.decision === 'deny') throw new SiloError('approval_denied')
    const scope = answer.scope ?? 'once'
    // A folder that may be read once is read by the rest of the call too, in many steps: for files, once is the task.
    const lasting = request.kind === 'grant' && scope === 'once' ? 'task' : scope
    if (lasting === 'once') return
    // A program is judged by its text: the task may run this one again, and nobody any one for ever.
    if (request.kind === 'command' || request.kind === 'python') {
      if (lasting === 'always') return
    }
    this.#records.add({
      id: newId(),
      capability,
      resource,
      scope: lasting,
      ...(lasting === 'task' ? { taskId: task.taskId } : {}),
      givenBy: by,
      givenAt: Date.now(),
    })
    this.#onChange()
  }

  /** The person named it in the instruction itself: it may be read for this task. */
  allowForTask(taskId: string, capability: Capability, resource: string, by: string): void {
    if (capability.startsWith('files.')) this.requireOpen(resource)
    this.#records.add({ id: newId(), capability, resource, scope: 'task', taskId, givenBy: by, givenAt: Date.now() }) // prettier-ignore
  }
}

function capabilityOf(request: LeaveRequest): Capability {
  switch (request.kind) {
    case 'grant':
      return request.capability
    case 'command':
      return 'exec.shell'
    case 'python':
      return 'exec.python'
    case 'send':
      return 'net.fetch'
  }
}

/** Did the person ask for it? Who names a folder wants it looked at, and has not said what to write into it. */
function isNamed(task: TaskUnderPolicy, capability: Capability, resource: string): boolean {
  return capability !== 'files.write' && task.named(resource)
}

/** What a leave is for, and no other: a folder, a host, this very program. */
function resourceOf(request: LeaveRequest): string {
  if (request.kind === 'grant') return request.resource
  if (request.kind === 'send') return request.host
  const { why: _why, ...program } = request
  return createHash('sha256').update(JSON.stringify(program)).digest('hex')
}

function bodyOf(request: LeaveRequest, tainted: boolean): ApprovalBody {
  if (request.kind === 'command')
    return {
      ...request,
      argv: [...request.argv],
      folders: request.folders.map((folder) => ({ ...folder })),
      tainted,
    }
  if (request.kind === 'python') return { ...request, files: [...request.files], tainted }
  return { ...request, tainted }
}

/** Canonical paths have the case and the characters that are on disk: what differs in them is another place. */
function covering(granted: string, wanted: string, isPath: boolean): boolean {
  if (!isPath) return granted === '' || granted === wanted
  return wanted === granted || wanted.startsWith(granted.endsWith(sep) ? granted : granted + sep)
}
