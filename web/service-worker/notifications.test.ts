import { expect, it } from 'vitest'
import { showPush } from './notifications.ts'

async function shownFor(data: unknown): Promise<{ title: string; options: NotificationOptions }> {
  const shown: { title: string; options: NotificationOptions }[] = []
  const showNotification = async (title: string, options: NotificationOptions): Promise<void> =>
    void shown.push({ title, options })
  const message = data === null ? null : { json: () => data }
  await showPush({ registration: { showNotification } } as never, message as never)
  expect(shown).toHaveLength(1)
  return shown[0]!
}

const runId = '01m850c8x292t640qp68qqdn2x'

it('says that the agent waits, and leads to what it asks', async () => {
  const push = { type: 'approval-waits', runId, approvalId: 'approval-1', language: 'zh' }
  expect((await shownFor(push)).options).toMatchObject({
    body: '智能体在等您批准。',
    lang: 'zh-CN',
    tag: runId,
    data: { path: '/approvals/approval-1' },
  })
})

it('says that a task is over, and leads to what came of it', async () => {
  const push = { type: 'run-ended', runId, kind: 'agent', subject: 'conversation-1', outcome: 'done', language: 'en' } // prettier-ignore
  expect((await shownFor(push)).options).toMatchObject({
    body: 'A task is done.',
    lang: 'en',
    tag: runId,
    data: { path: '/c/conversation-1' },
  })
})

it.each([null, {}, { type: 'approval-waits', runId, language: 'en' }])(
  'shows something for %j: the browser demands it',
  async (data) => {
    expect((await shownFor(data)).options).toMatchObject({ data: { path: '/inbox' }, tag: 'silo' })
  },
)
