import '#companion/observe/no-network.ts'
import { parentPort } from 'node:worker_threads'
import { codeOf, hashFiles, list, look, read } from './disk-read.ts'
import type { DiskTask } from './disk-tasks.ts'
import { copy, finish, openTemporary, place, removeTemporaries, write } from './disk-write.ts'

/** The thread: one task after another, each answered with its number. */
parentPort!.on('message', ({ id, task }: { id: number; task: DiskTask }) => {
  try {
    const result = perform(task)
    const moved =
      task.kind === 'read' ? [(result as { data: Uint8Array }).data.buffer as ArrayBuffer] : []
    parentPort!.postMessage({ id, result }, moved)
  } catch (error) {
    const message = error instanceof Error ? error.message : 'failed'
    parentPort!.postMessage({ id, error: { code: codeOf(error), message } }, [])
  }
})

function perform(task: DiskTask): unknown {
  switch (task.kind) {
    case 'list':
      return list(task)
    case 'look':
      return look(task)
    case 'hash':
      return hashFiles(task)
    case 'read':
      return read(task)
    case 'place':
      return place(task)
    case 'open-temporary':
      return openTemporary(task)
    case 'copy':
      return copy(task)
    case 'write':
      return write(task)
    case 'finish':
      finish(task.fd)
      return null
    case 'remove-temporaries':
      removeTemporaries(task)
      return null
  }
}
