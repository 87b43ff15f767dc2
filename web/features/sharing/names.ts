import type { AccessLevel, AuditEntry, Group, Subject } from '#shared/domain/sharing.ts'
import type { Sharing, SharingDevice } from '#shared/protocol/sharing.ts'
import { shortId } from '#web/ui/device-facts.ts'
import { t } from './texts.ts'

const levelTexts = { read: 'read', write: 'write', share: 'shareLevel', admin: 'admin' } as const
const levelMeans = { read: 'readMay', write: 'writeMay', share: 'shareMay', admin: 'adminMay' } as const // prettier-ignore
const actionTexts = {
  search: 'search',
  open: 'open',
  copy: 'copyAction',
  sync: 'sync',
  write: 'writeAction',
  grant: 'grant',
  remove: 'removeAction',
} as const

export const levelName = (level: AccessLevel): string => t(levelTexts[level])
export const levelMay = (level: AccessLevel): string => t(levelMeans[level])
export const actionName = (action: AuditEntry['action']): string => t(actionTexts[action])

export function deviceName({ id, name }: SharingDevice): string {
  return name ?? `${t('unknownDevice')} ${shortId(id)}`
}

/** Whom a grant is for, as it is shown. */
export function subjectName(
  subject: Subject,
  sharing: Pick<Sharing, 'devices' | 'groups'>,
): string {
  if (subject.kind === 'members') return t('members')
  const { id } = subject
  if (subject.kind === 'group') return sharing.groups.find((group) => group.id === id)?.name ?? id
  return deviceName(sharing.devices.find((device) => device.id === id) ?? { id })
}

/** By what a device has what it has. */
export function reasonName(by: 'owner' | Subject, groups: readonly Group[]): string {
  if (by === 'owner') return t('byOwner')
  if (by.kind === 'members') return t('byMembers')
  if (by.kind === 'device') return t('byDevice')
  return t('byGroup', { name: groups.find(({ id }) => id === by.id)?.name ?? by.id })
}

/** One text for a subject, for lists and options. */
export function subjectKey(subject: Subject): string {
  return subject.kind === 'members' ? 'members' : `${subject.kind} ${subject.id}`
}
