export interface Mail {
  readonly from: string
  readonly to: string
  readonly subject: string
  /** As mail headers write it. */
  readonly date: string
  readonly text?: string
  readonly html?: string
  readonly files?: readonly { readonly name: string; readonly data: Uint8Array }[]
}

const word = (text: string): string =>
  [...text].every((char) => char <= '~')
    ? text
    : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`
const address = (text: string): string =>
  text.replace(/^(.*?)\s*(<.*>)$/, (_, name: string, rest: string) => `${word(name)} ${rest}`)
const base64 = (data: Uint8Array): string =>
  Buffer.from(data).toString('base64').replace(/.{76}/g, '$&\r\n')

const part = (type: string, text: string): string =>
  `Content-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(Buffer.from(text))}\r\n` // prettier-ignore

/** A mail as servers pass it on. */
export function eml(mail: Mail): string {
  const bodies = [
    ...(mail.text === undefined ? [] : [part('text/plain', mail.text)]),
    ...(mail.html === undefined ? [] : [part('text/html', mail.html)]),
  ]
  const alternative = `Content-Type: multipart/alternative; boundary="=alt"\r\n\r\n${bodies.map((body) => `--=alt\r\n${body}`).join('')}--=alt--\r\n` // prettier-ignore
  const files = (mail.files ?? []).map(
    ({ name, data }) =>
      `--=mix\r\nContent-Type: application/octet-stream; name="${word(name)}"\r\nContent-Disposition: attachment; filename="${word(name)}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(data)}\r\n`, // prettier-ignore
  )
  return [
    `From: ${address(mail.from)}`,
    `To: ${address(mail.to)}`,
    `Subject: ${word(mail.subject)}`,
    `Date: ${mail.date}`,
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="=mix"\r\n\r\n--=mix\r\n${alternative}${files.join('')}--=mix--\r\n`, // prettier-ignore
  ].join('\r\n')
}

/** A mailbox of these mails. */
export function mbox(mails: readonly string[]): string {
  return mails
    .map(
      (mail) =>
        `From sender@example.org Thu Mar 12 09:30:00 2026\n${mail.replaceAll('\r\n', '\n').replace(/^(>*From )/gm, '>$1')}\n`,
    ) // prettier-ignore
    .join('\n')
}
