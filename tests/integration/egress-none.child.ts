import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newId } from '#shared/domain/ids.ts'

/**
 * A day of work at the companion's own API, within its network namespace: `node egress-none.child.ts ADDRESS TOKEN HOME`.
 * Prints what came of it as JSON.
 */
const [url = '', token = '', person = ''] = process.argv.slice(2)
// What an API answers is looked at where it is used.
type Loose = any // oxlint-disable-line typescript/no-explicit-any

async function api(path: string, body?: unknown, method = body ? 'POST' : 'GET'): Promise<Loose> {
  const response = await fetch(`${url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = (await response.json().catch(() => ({}))) as Loose
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer
}

async function events(id: string): Promise<Loose[]> {
  const response = await fetch(`${url}/api/runs/${id}/events`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
  })
  const lines = (await response.text()).matchAll(/^data: (.*)$/gm)
  return [...lines].map(([, data]) => JSON.parse(data!).body)
}

async function ask(kind: 'chat' | 'agent', text: string, collectionIds: string[] = [], more = {}) {
  const conversationId = newId()
  await api('/conversations', { id: conversationId, collectionIds })
  const [id, parentId] = [newId(), newId()]
  const userMessage = { id: parentId, parentId: null, text }
  await api('/runs', { kind, id, conversationId, userMessage, parentId, assistantMessageId: newId(), ...more }) // prettier-ignore
  return id
}
const outcome = (all: Loose[]): string => String(all.at(-1)?.outcome)

// Papers that would like to be looked at elsewhere.
const papers = join(person, 'Papers')
mkdirSync(papers, { recursive: true })
const lure = '<img src="http://203.0.113.7/pixel.png"><link rel="stylesheet" href="http://203.0.113.7/a.css"><script src="http://203.0.113.7/a.js"></script>' // prettier-ignore
writeFileSync(join(papers, 'plan.html'), `<html><head>${lure}</head><body><h1>Plan</h1><p>The greenhouse opens on 4 May 2026. ${lure}</p></body></html>`) // prettier-ignore
writeFileSync(join(papers, 'mail.eml'), `From: a@a.example\nTo: b@b.example\nSubject: Keys\nContent-Type: text/html\n\n<p>The keys are in drawer 7.</p>${lure}`) // prettier-ignore
writeFileSync(join(papers, 'notes.md'), '# Notes\n\n![x](http://203.0.113.7/x.png)\n\nWater the ferns on Fridays.\n') // prettier-ignore

const done: Record<string, unknown> = {}
done.chat = outcome(await events(await ask('chat', 'Say hello in one word.')))

const collectionId = newId()
await api('/collections', { id: collectionId, name: 'Papers' })
const ingest = newId()
await api('/runs', { kind: 'ingest', id: ingest, collectionId, paths: [papers] })
done.ingest = outcome(await events(ingest))
const found = await api('/search', { query: 'When does the greenhouse open?', collectionIds: [collectionId] }) // prettier-ignore
done.found = found.hits[0]?.text.includes('4 May')
done.vault = outcome(await events(await ask('chat', 'When does the greenhouse open?', [collectionId]))) // prettier-ignore

await api('/notes', { title: 'Day', text: `# Day\n\n${lure}\n` })
await api('/clips', { url: 'http://203.0.113.7/page', html: `<html><body><article><h1>Clip</h1><p>${'Some text of a page that was clipped. '.repeat(9)}</p>${lure}</article></body></html>` }) // prettier-ignore

// The agent packs a folder, with approval.
const intent = { kind: 'skill', skill: 'archive-files', reason: 'chosen', confidence: 1 }
const task: { id: string; events?: Loose[] } = {
  id: await ask('agent', `Zip all files of ${papers} into ${join(person, 'papers.zip')}`, [], {
    intent,
  }),
}
const ended = events(task.id).then((all) => (task.events = all))
while (!task.events) {
  await new Promise((resolve) => setTimeout(resolve, 100))
  const { approvals } = await api('/approvals?state=open')
  for (const { id } of approvals) await api(`/approvals/${id}/answer`, { decision: 'approve' })
}
await ended
done.agent = outcome(task.events)
// What would go out, were it not for the switch.
const refused = await fetch(`${url}/api/web-search`, {
  headers: { authorization: `Bearer ${token}` },
})
done.webSearch = ((await refused.json()) as Loose).kind
done.ledger = await api('/egress?limit=100&place=outside')
done.refused = (await api('/egress?limit=100&refused=1')).entries
console.log(JSON.stringify(done))
