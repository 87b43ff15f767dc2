import { readFile, readdir } from 'node:fs/promises'

/**
 * Counts the processes below one, and their memory in bytes. Stops at `most` processes: a fork bomb makes them faster
 * than they can be counted. Linux; what is gone meanwhile counts nothing.
 */
export async function measureTree(
  root: number,
  most: number,
): Promise<{ processes: number; bytes: number }> {
  let processes = 0
  let bytes = 0
  const waiting = [root]
  for (let pid = waiting.pop(); pid !== undefined && processes <= most; pid = waiting.pop()) {
    processes++
    const [memory, children] = await Promise.all([memoryOf(pid), childrenOf(pid)])
    bytes += memory
    waiting.push(...children)
  }
  return { processes, bytes }
}

/** Resident memory that is its own: libraries are shared. */
async function memoryOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '')
  const [, resident = 0, shared = 0] = text.split(' ').map(Number)
  return Math.max(0, resident - shared) * 4096
}

async function childrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')),
  )
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
}
