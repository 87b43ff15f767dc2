import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/** Whether a person can be asked. */
export const canAsk = (): boolean => Boolean(process.stdin.isTTY && process.stderr.isTTY)

/** Asks on the terminal without showing what is typed. Undefined where the input ends or Ctrl-C is pressed. */
export function askHidden(question: string): Promise<string | undefined> {
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  return new Promise((resolve) => {
    let answer: string | undefined
    lines.once('line', (line) => {
      answer = line
      lines.close()
    })
    lines.once('SIGINT', () => lines.close())
    lines.once('close', () => {
      process.stderr.write('\n')
      resolve(answer)
    })
  })
}
