import type { Approval } from '#shared/domain/approval.ts'
import { t } from './approval-texts.ts'
import { shownArgv } from './argv-text.ts'

/** What is asked, in one line. */
export function approvalTitle({ body }: Approval): string {
  if (body.kind === 'changes') return body.plan.title || t('files')
  if (body.kind === 'question') return body.text
  if (body.kind === 'command') return `${t('commandAsk')} ${shownArgv(body.argv)}`.slice(0, 160)
  if (body.kind === 'python') return `${t('pythonAsk')} ${body.why}`.trim()
  if (body.kind === 'send') return `${t('sendAsk')} ${body.host}`
  return `${t('grantAsk')} ${t(body.capability)} ${body.resource}`.trim()
}
