import { createHash } from 'node:crypto'
import type { LocalCa } from './local-ca.ts'

/** A configuration profile that holds the certificate and nothing else. The same certificate gives the same ids. */
export function appleProfile(ca: Pick<LocalCa, 'der' | 'fingerprint'>, authority: string): string {
  const name = authority.replace(/[&<>]/g, '')
  const [profile, certificate] = ['profile', 'certificate'].map((part) =>
    uuid(part + ca.fingerprint),
  )
  const data = Buffer.from(ca.der)
    .toString('base64')
    .replace(/.{1,64}/g, '\n      $&')
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  ${entry('PayloadDisplayName', name)}
  ${entry('PayloadDescription', 'Lets this device trust one Silo companion in the local network.')}
  ${entry('PayloadIdentifier', `silo.local-ca.${profile}`)}
  ${entry('PayloadUUID', profile!)}
  ${entry('PayloadType', 'Configuration')}
  <key>PayloadVersion</key><integer>1</integer>
  <key>PayloadContent</key><array><dict>
    ${entry('PayloadDisplayName', name)}
    ${entry('PayloadIdentifier', `silo.local-ca.${certificate}`)}
    ${entry('PayloadUUID', certificate!)}
    ${entry('PayloadType', 'com.apple.security.root')}
    <key>PayloadVersion</key><integer>1</integer>
    ${entry('PayloadCertificateFileName', 'silo-ca.crt')}
    <key>PayloadContent</key><data>${data}
    </data>
  </dict></array>
</dict></plist>
`
}

function entry(key: string, value: string): string {
  return `<key>${key}</key><string>${value}</string>`
}

function uuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex').toUpperCase()
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5')
}
