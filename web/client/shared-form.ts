import { newId } from '#shared/domain/ids.ts'
import type { Clip } from '#shared/protocol/notes.ts'
import type { SharedItem } from './shared-items.ts'

/** Characters of text kept of a share, and files of one. */
const maxText = 200_000
const maxFiles = 100
/** Characters of a page; of a larger one only its text fields are kept. */
const maxHtml = 4_000_000

/**
 * What a share target's form holds. Any page on the web can send such a form, so it is only kept and shown:
 * nothing is sent anywhere before the person says so.
 */
export function sharedItemOf(form: FormData, now = Date.now()): SharedItem | undefined {
  const text = (name: string) => {
    const value = form.get(name)
    return typeof value === 'string' ? value.slice(0, maxText) : ''
  }
  const files = form.getAll('files').filter((value): value is File => typeof value !== 'string')
  const item = itemOfFiles(
    files.filter(({ name, size }) => name !== '' || size > 0),
    now,
  )
  const html = form.get('html')
  const whole: SharedItem = {
    ...item,
    title: text('title'),
    text: text('text'),
    url: text('url'),
    ...(typeof html === 'string' && html !== '' && html.length <= maxHtml ? { html } : {}),
  }
  return whole.files.length > 0 || sharedText(whole) !== '' ? whole : undefined
}

/** Files opened with this app. */
export function itemOfFiles(files: readonly File[], now = Date.now()): SharedItem {
  return {
    id: newId(now),
    receivedAt: now,
    title: '',
    text: '',
    url: '',
    state: 'new',
    files: files.slice(0, maxFiles).map((file) => ({
      id: newId(now),
      name: file.name || `shared${endingOf(file.type)}`,
      type: file.type,
      size: file.size,
      content: file,
    })),
  }
}

/** Title, text and address as one text; apps repeat themselves in these fields. */
export function sharedText(item: Pick<SharedItem, 'title' | 'text' | 'url'>): string {
  const parts = [item.title, item.text, item.url].map((part) => part.trim()).filter(Boolean)
  return parts
    .filter(
      (part, index) =>
        !parts.some(
          (other, at) => at !== index && other.includes(part) && (other !== part || at < index),
        ),
    ) // prettier-ignore
    .join('\n\n')
}

/**
 * What is shared as a web page to be kept: its address, and what the other app says of it. Many apps put the address
 * into the text. Undefined where there is none, or where files came with it.
 */
export function clipOf(item: SharedItem): Clip | undefined {
  if (item.files.length > 0) return undefined
  const found = [
    item.url,
    /https?:\/\/\S+/i.exec(item.text)?.[0].replace(/[).,;:!?'"”’]+$/, '') ?? '',
  ].map((each) => each.trim())
  const url = found.find((each) => /^https?:$/.test(URL.parse(each)?.protocol ?? ''))
  if (url === undefined || url.length > 4096) return undefined
  const title = item.title.trim().slice(0, 500)
  return {
    url,
    ...(title ? { title } : {}),
    ...(item.html === undefined
      ? { text: item.text.replace(url, '').trim() }
      : { html: item.html }),
  }
}

/** What is sent of an item: its files; a text without files becomes one. */
export function filesToSend(item: SharedItem): SharedItem['files'] {
  const text = sharedText(item)
  if (item.files.length > 0 || text === '') return item.files
  const content = new Blob([text], { type: 'text/plain' })
  const name = `${(item.title || text).trim().split('\n')[0]?.slice(0, 60).trim() ?? ''}.txt`
  return [{ id: item.id, name, type: content.type, size: content.size, content }]
}

function endingOf(type: string): string {
  const known: Record<string, string> = {
    'application/pdf': '.pdf',
    'image/jpeg': '.jpg',
    'image/png': '.png',
    'image/webp': '.webp',
    'message/rfc822': '.eml',
    'text/plain': '.txt',
  }
  return known[type] ?? ''
}
