import PostalMime, { type Address, type Attachment, type Email } from 'postal-mime'
import { SiloError } from '#shared/errors/silo-error.ts'
import { aboutOf } from './about.ts'
import { TextBuilder, type About, type Extracted } from './extracted.ts'
import { extractHtml } from './html.ts'
import { withoutThread } from './quoting.ts'

/** Reads a file that came with a mail; nothing where it is of a kind that is not read. */
export type ReadInner = (name: string, bytes: Uint8Array) => Promise<Extracted | undefined>

const limits = { maxNestingDepth: 40, maxHeadersSize: 512 * 1024, maxRfc822NestingDepth: 5 }
/** Attachments read of one mail, and mails read of one mailbox. */
const maxAttachments = 50
const maxMails = 200_000

/** One mail and what is attached to it. @throws SiloError file_damaged, file_no_text */
export async function extractMail(
  bytes: Uint8Array,
  fileName: string,
  inner: ReadInner,
): Promise<Extracted> {
  const mail = await parsed(bytes)
  if (mail.headers.length === 0) throw new SiloError('file_damaged')
  const builder = new TextBuilder()
  await addMail(builder, mail, inner)
  return builder.build('mail', subjectOf(mail) || fileName.replace(/\.[^.]+$/, ''), about(mail))
}

/** A mailbox: each mail a part of its own. @throws SiloError file_damaged, file_no_text, file_too_large */
export async function extractMbox(
  bytes: Uint8Array,
  fileName: string,
  inner: ReadInner,
): Promise<Extracted> {
  const builder = new TextBuilder()
  let latest: About = {}
  let count = 0
  for (const raw of mailsOf(bytes)) {
    const mail = await parsed(raw)
    if (mail.headers.length === 0) continue
    count += 1
    if (count > maxMails)
      throw new SiloError('file_too_large', { params: { size: `${count}`, limit: `${maxMails}` } })
    builder.part = count
    const { date } = about(mail)
    if (date !== undefined && date > (latest.date ?? 0)) latest = { date }
    await addMail(builder, mail, inner)
  }
  if (count === 0) throw new SiloError('file_damaged')
  return builder.build('mail', fileName.replace(/\.[^.]+$/, ''), latest)
}

async function parsed(bytes: Uint8Array): Promise<Email> {
  try {
    return await PostalMime.parse(bytes, limits)
  } catch (cause) {
    throw new SiloError('file_damaged', { cause })
  }
}

/** Mails of a mailbox: each begins with a line `From sender date`, after an empty line. */
function* mailsOf(bytes: Uint8Array): Generator<Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const starts: number[] = []
  for (let at = 0; at >= 0 && at < buffer.length;) {
    const before = buffer.subarray(Math.max(0, at - 2), at).toString('latin1')
    if ((at === 0 || before === '\n\n' || before === '\r\n') && isSeparator(buffer, at)) starts.push(at) // prettier-ignore
    const next = buffer.indexOf('\nFrom ', at)
    at = next < 0 ? -1 : next + 1
  }
  for (const [index, start] of starts.entries()) {
    const body = buffer.indexOf('\n', start) + 1
    const end = starts[index + 1] ?? buffer.length
    if (body > 0 && body < end) yield unstuffed(buffer.subarray(body, end))
  }
}

function isSeparator(buffer: Buffer, at: number): boolean {
  const end = buffer.indexOf('\n', at)
  const line = buffer.subarray(at, Math.min(end < 0 ? buffer.length : end, at + 200))
  return /^From \S*.*\b\d{4}\b/.test(line.toString('latin1'))
}

/** Lines that would look like a separator are stored with a `>` before them. */
function unstuffed(mail: Buffer): Uint8Array {
  if (!mail.includes('\n>From ')) return mail
  return Buffer.from(mail.toString('latin1').replace(/^>(>*From )/gm, '$1'), 'latin1')
}

function subjectOf(mail: Email): string {
  return (mail.subject ?? '').replace(/\s+/g, ' ').trim().slice(0, 200)
}

function about(mail: Email): About {
  return aboutOf(mail.date, nameOf(mail.from))
}

function nameOf(address: Address | undefined): string {
  if (!address) return ''
  const name = address.name.trim()
  if (address.group) return name
  return name && name !== address.address ? `${name} <${address.address}>` : address.address
}

async function addMail(builder: TextBuilder, mail: Email, inner: ReadInner): Promise<void> {
  const from = nameOf(mail.from)
  const { date } = about(mail)
  const day = date === undefined ? '' : new Date(date).toISOString().slice(0, 10)
  // Every passage stands below its subject, sender and day.
  builder.section(1, subjectOf(mail) || from || day)
  builder.section(2, [from, day].filter(Boolean).join(', '))
  const list = (addresses: Address[] | undefined) =>
    (addresses ?? []).slice(0, 50).map(nameOf).filter(Boolean).join(', ')
  const rows = {
    To: list(mail.to),
    Cc: list(mail.cc),
    Date: date === undefined ? '' : new Date(date).toISOString().replace(/:\d\d\.\d+Z$/, ' UTC').replace('T', ' '), // prettier-ignore
    Attachments: mail.attachments.map((file) => file.filename).filter(Boolean).join(', '), // prettier-ignore
  }
  for (const [name, value] of Object.entries(rows)) if (value) builder.row(`${name}: ${value}`)
  addBody(builder, mail)
  for (const file of mail.attachments.slice(0, maxAttachments)) await addFile(builder, file, inner)
}

function addBody(builder: TextBuilder, mail: Email): void {
  const text = mail.text?.replace(/\r\n?/g, '\n') ?? ''
  // Some programs send a page and, as its text, only a hint that there is one.
  if (mail.html && text.trim().length < mail.html.length / 200 + 1)
    builder.append(extractHtml(mail.html, '', { mail: true }))
  else
    for (const paragraph of withoutThread(text).split(/\n[^\S\n]*\n\s*/))
      builder.paragraph(paragraph)
}

async function addFile(builder: TextBuilder, file: Attachment, inner: ReadInner): Promise<void> {
  const name = file.filename ?? (file.mimeType === 'message/rfc822' ? 'mail.eml' : '')
  // Pictures that belong to the letterhead.
  if (!name || file.related || typeof file.content === 'string') return
  const read = await inner(name, new Uint8Array(file.content))
  if (!read) return
  builder.section(2, name)
  builder.append(read)
}
