import { createHash } from 'node:crypto'
import { createReadStream, lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

const ofSync =
  /^(\.stfolder|\.stignore|\.stversions|\.(silo|syncthing)\..*\.tmp|~syncthing~.*\.tmp)/

/** Every file and folder under a folder, by name, with what is in it; the marks of sync left out. */
export async function treeOf(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const walk = async (folder: string): Promise<void> => {
    for (const name of readdirSync(join(root, folder)).toSorted()) {
      if (ofSync.test(name)) continue
      const path = folder ? `${folder}/${name}` : name
      const stat = lstatSync(join(root, path))
      if (stat.isDirectory()) {
        found[`${path}/`] = 'directory'
        await walk(path)
      } else if (stat.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(root, path))}`
      else found[path] = `${stat.size} ${await hashOf(join(root, path))}`
    }
  }
  await walk('')
  return found
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer) // prettier-ignore
  return hash.digest('hex').slice(0, 16)
}
