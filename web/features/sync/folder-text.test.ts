import { expect, it } from 'vitest'
import type { SyncFolder, SyncState } from '#shared/protocol/sync.ts'
import { folderName, folderPartners } from './folder-text.ts'

const sync = { devices: [{ id: '12D3KooWabc', name: 'Laptop' }, { id: 'NASNASN-1', name: '' }] } as unknown as SyncState // prettier-ignore
const folder = (id: string, rest: Partial<SyncFolder> = {}) => ({ id, label: id, type: 'sendreceive', devices: [], ...rest }) as unknown as SyncFolder // prettier-ignore

it('calls an index by its collection and the device it is from', () => {
  const received = folder('index.c1.12D3KooWabc', { type: 'receiveonly' })
  expect(folderName(received, [{ id: 'c1', name: 'Contracts' }])).toBe('Contracts')
  expect(folderName(received, [])).toBe('index.c1.12D3KooWabc')
  expect(folderPartners(sync, received)).toEqual(['Laptop'])
  expect(folderPartners(sync, folder('index.c1.me', { type: 'sendonly' }))[0]).toMatch(/copy|副本/)
})

it('calls other folders as their devices do, and devices without a name by their id', () => {
  const photos = folder('photos', { label: 'Photos', devices: ['12D3KooWabc', 'NASNASN-1'] })
  expect(folderName(photos, [{ id: 'photos', name: 'Not this' }])).toBe('Photos')
  expect(folderPartners(sync, photos)).toEqual(['Laptop', 'NASNASN'])
})
