import { accessLevels, type Access, type AccessLevel, type CollectionPolicy, type Grant, type Subject } from '#shared/domain/sharing.ts' // prettier-ignore

/** All that can be had: what owners have of what is theirs. */
export const everything: Access = { level: 'admin', copy: true }

/** Whether `level` holds `needed`. */
export function reaches(level: AccessLevel | undefined, needed: AccessLevel): boolean {
  return level !== undefined && accessLevels.indexOf(level) >= accessLevels.indexOf(needed)
}

/** The highest level and the right to a copy, wherever each comes from. */
export function union(parts: readonly Access[]): Access | undefined {
  if (parts.length === 0) return undefined
  const level = accessLevels.findLast((each) => parts.some((part) => part.level === each))!
  return { level, copy: parts.some(({ copy }) => copy) }
}

/** Whether a grant is for the device, as the policy counts groups and members. */
export function isFor(grant: Grant, device: string, policy: CollectionPolicy): boolean {
  const { subject } = grant
  if (subject.kind === 'device') return subject.id === device
  if (subject.kind === 'members') return policy.members.includes(device)
  return policy.groups.some(({ id, members }) => id === subject.id && members.includes(device))
}

/** Owners of the home, and the home itself. */
export function isOwner(policy: CollectionPolicy, device: string): boolean {
  return policy.home === device || policy.owners?.includes(device) === true
}

/** What a policy gives a device; undefined for nothing, and once the collection is removed. */
export function grantedTo(policy: CollectionPolicy, device: string): Access | undefined {
  if (policy.removed) return undefined
  if (isOwner(policy, device)) return everything
  return union(policy.grants.filter((grant) => isFor(grant, device, policy)))
}

export function sameSubject(a: Subject, b: Subject): boolean {
  return subjectKey(a) === subjectKey(b)
}

/** One text for each subject. */
export function subjectKey(subject: Subject): string {
  return subject.kind === 'members' ? 'members' : `${subject.kind} ${subject.id}`
}
