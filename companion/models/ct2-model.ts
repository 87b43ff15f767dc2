import { readFile } from 'node:fs/promises'

/** CTranslate2's number types, by their id in the file. */
export const ct2Types = { float32: 0, int8: 1, int16: 2, int32: 3, float16: 4 } as const

export interface Ct2Variable {
  readonly shape: readonly number[]
  readonly type: number
  readonly bytes: Buffer
}

export interface Ct2Model {
  /** e.g. `WhisperSpec`. */
  readonly spec: string
  readonly variables: ReadonlyMap<string, Ct2Variable>
}

/** Reads a CTranslate2 `model.bin` of format 6. @throws RangeError where it is something else or cut off */
export async function readCt2Model(path: string): Promise<Ct2Model> {
  const file = await readFile(path)
  let at = 0
  const u8 = () => file.readUInt8((at += 1) - 1)
  const u16 = () => file.readUInt16LE((at += 2) - 2)
  const u32 = () => file.readUInt32LE((at += 4) - 4)
  const text = () => {
    const length = u16()
    // The length counts a closing zero byte.
    return file.toString('utf8', at, (at += length) - 1)
  }
  if (u32() !== 6) throw new RangeError('not a CTranslate2 model of format 6')
  const spec = text()
  u32() // revision of the spec
  const variables = new Map<string, Ct2Variable>()
  for (let left = u32(); left > 0; left--) {
    const name = text()
    const shape = Array.from({ length: u8() }, u32)
    const type = u8()
    const size = u32()
    if (at + size > file.length) throw new RangeError(`${name} is cut off`)
    variables.set(name, { shape, type, bytes: file.subarray(at, (at += size)) })
  }
  return { spec, variables }
}
