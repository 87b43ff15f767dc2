import { describe, expect, it } from 'vitest'
import { clipOf, filesToSend, itemOfFiles, sharedItemOf, sharedText } from './shared-form.ts'

function formOf(fields: Record<string, string | File | File[]>): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields))
    for (const entry of [value].flat()) form.append(name, entry)
  return form
}
const pdf = new File(['%PDF'], '报告.pdf', { type: 'application/pdf' })

const clip = (fields: Record<string, string | File>) => clipOf(sharedItemOf(formOf(fields))!)

describe('what another app shares', () => {
  it('is its files, each with an id of its own, and its text', () => {
    const item = sharedItemOf(formOf({ files: [pdf, pdf], title: 'T', text: 'x', url: '' }))!
    expect(item).toMatchObject({ state: 'new', title: 'T', text: 'x' })
    expect(item.files).toMatchObject([{ name: '报告.pdf', size: 4 }, { name: '报告.pdf' }])
    expect(item.files[0]!.id).not.toBe(item.files[1]!.id)
  })

  it('is nothing where the form is empty, and ignores what is no file', () => {
    expect(sharedItemOf(formOf({}))).toBeUndefined()
    expect(sharedItemOf(formOf({ title: '  ', text: '' }))).toBeUndefined()
    expect(sharedItemOf(formOf({ files: 'not a file' }))).toBeUndefined()
    // What a browser sends for an empty file field.
    expect(sharedItemOf(formOf({ files: new File([], '') }))).toBeUndefined()
    expect(sharedItemOf(formOf({ text: 'y'.repeat(900_000) }))?.text).toHaveLength(200_000)
  })

  it('names a file without a name by its type', () => {
    const [file] = itemOfFiles([new File(['x'], '', { type: 'image/jpeg' })]).files
    expect(file?.name).toBe('shared.jpg')
  })

  it('says once what an app repeats', () => {
    const url = 'https://example.org/a'
    expect(sharedText({ title: 'Page', text: `Page ${url}`, url })).toBe(`Page ${url}`)
    expect(sharedText({ title: 'Same', text: 'Same', url: '' })).toBe('Same')
    expect(sharedText({ title: 'Title', text: 'Body', url })).toBe(`Title\n\nBody\n\n${url}`)
  })

  it('sends a text without files as a file', async () => {
    const item = sharedItemOf(formOf({ title: 'Minutes', text: 'Line one' }))!
    const [file, ...rest] = filesToSend(item)
    expect(rest).toEqual([])
    expect(file).toMatchObject({ id: item.id, name: 'Minutes.txt' })
    expect(await file!.content!.text()).toBe('Minutes\n\nLine one')
    const withFile = sharedItemOf(formOf({ text: 'caption', files: pdf }))!
    expect(filesToSend(withFile)).toEqual(withFile.files)
  })

  it('sees a web page in what is shared, wherever its address stands', () => {
    const url = 'https://example.org/a?b=1'
    expect(clip({ title: 'Page', url, html: '<p>It</p>' })).toEqual({ url, title: 'Page', html: '<p>It</p>' }) // prettier-ignore
    expect(clip({ text: `Read this: ${url}.` })).toEqual({ url, text: 'Read this: .' })
    expect(clip({ url, html: 'x'.repeat(4_000_001) })).toEqual({ url, text: '' })
    expect(clip({ text: 'no address' })).toBeUndefined()
    expect(clip({ url: 'javascript:alert(1)', html: '<p>' })).toBeUndefined()
    expect(clip({ url: 'file:///etc/passwd', html: '<p>' })).toBeUndefined()
    expect(clip({ url, files: pdf })).toBeUndefined()
  })
})
