import net from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

/** A thread as libraries start them: it inherits what keeps its process from the network. */
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
const say = (what: string | undefined): void => parentPort!.postMessage(what)
net
  .connect(Number(workerData), '127.0.0.1')
  .once('connect', () => say('open'))
  .once('error', (error: NodeJS.ErrnoException) => say(error.code))
