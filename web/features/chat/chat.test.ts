import { describe, expect, it } from 'vitest'
import { branchOf, newestLeaf, type Message } from '#shared/domain/conversation.ts'
import type { RunEventBody } from '#shared/protocol/run-event.ts'
import { draftArtifact } from './draft-artifact.ts'
import { emptyAnswer, foldAnswer, withAnswer } from './live-answer.ts'
import { branchPlaces, mergeMessages, withMessages } from './tree.ts'

const conversationId = 'conversation-1'
let clock = 0
const message = (id: string, parentId: string | null, more: Partial<Message> = {}): Message => ({
  id,
  conversationId,
  parentId,
  role: id.startsWith('u') ? 'user' : 'assistant',
  text: id,
  createdAt: ++clock,
  ...more,
})

describe('branches', () => {
  const messages = [
    message('u-000001', null),
    message('a-000001', 'u-000001'),
    message('u-000002', 'a-000001'),
    message('a-000002', 'u-000002'),
    // The second question edited, then its answer asked for twice.
    message('u-000003', 'a-000001'),
    message('a-000003', 'u-000003'),
    message('a-000004', 'u-000003'),
  ]

  it('numbers alternatives by age and leaves single messages out', () => {
    const places = branchPlaces(messages)
    expect(places.get('u-000003')).toEqual({ index: 1, ids: ['u-000002', 'u-000003'] })
    expect(places.get('a-000003')?.index).toBe(0)
    expect(places.has('a-000001')).toBe(false)
    expect(places.has('u-000001')).toBe(false)
  })

  it('numbers alternatives of the first message too', () => {
    const places = branchPlaces([...messages, message('u-000009', null)])
    expect(places.get('u-000009')).toEqual({ index: 1, ids: ['u-000001', 'u-000009'] })
  })

  it('leads to the newest leaf of the chosen branch', () => {
    const leaf = newestLeaf(messages, 'u-000002')
    expect(branchOf(messages, leaf).map(({ id }) => id)).toEqual([
      'u-000001',
      'a-000001',
      'u-000002',
      'a-000002',
    ])
    expect(newestLeaf(messages, 'u-000003')).toBe('a-000004')
  })

  it('replaces in place and appends what is new', () => {
    const next = withMessages(messages, { ...messages[1]!, text: 'x' }, message('u-000010', null))
    expect(next.map(({ text }) => text)).toEqual([
      'u-000001',
      'x',
      ...messages.slice(2).map(({ text }) => text),
      'u-000010',
    ])
  })

  it('keeps what was sent but is not known yet, and drops what the companion no longer has', () => {
    const local = [...messages, message('u-000011', 'a-000004'), message('u-000012', 'a-000004')]
    const merged = mergeMessages(local, messages, new Set(['u-000011']))
    expect(merged.map(({ id }) => id)).toEqual([...messages.map(({ id }) => id), 'u-000011'])
  })

  it('never takes a finished message back to an unfinished one', () => {
    const done = message('a-000020', null, { outcome: 'done', text: 'all of it' })
    const stale = { ...done, outcome: undefined, text: 'all' }
    expect(mergeMessages([done], [stale], new Set())[0]).toBe(done)
  })
})

describe('live answer', () => {
  it('becomes the message its run tells', () => {
    const bodies: RunEventBody[] = [
      { type: 'run-started', kind: 'chat', subject: conversationId, messageId: 'a-000001' },
      { type: 'progress', stage: 'loading-model', done: 0, unit: 'steps' },
      { type: 'progress', stage: 'queued', done: 0, total: 2, unit: 'steps' },
      { type: 'text-delta', text: '你' },
      { type: 'text-delta', text: '好' },
      { type: 'run-ended', outcome: 'cancelled', stopReason: 'stop' },
    ]
    let answer = emptyAnswer
    for (const [seq, body] of bodies.entries())
      answer = foldAnswer(answer, { runId: 'run-00000001', seq, at: seq, body })
    expect(answer.stage).toBeUndefined()
    expect(withAnswer(message('a-000001', null, { text: '' }), answer)).toMatchObject({
      text: '你好',
      outcome: 'cancelled',
    })
  })
})

describe('draft artifact', () => {
  it('is the block that is being written', () => {
    expect(draftArtifact('Here:\n\n```html\n<h1>Hi</h1>\n<p>more')).toEqual({
      kind: 'html',
      title: 'HTML',
      language: 'html',
      content: '<h1>Hi</h1>\n<p>more',
    })
  })
  it('is nothing once the block is closed, or where none is worth a pane', () => {
    expect(draftArtifact('```html\n<h1>Hi</h1>\n```\nDone.')).toBeNull()
    expect(draftArtifact('```\nplain')).toBeNull()
    expect(draftArtifact('no block')).toBeNull()
  })
})
