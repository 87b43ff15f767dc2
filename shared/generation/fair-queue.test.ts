import { describe, expect, it } from 'vitest'
import { FairQueue } from './fair-queue.ts'

const forever = new AbortController().signal

describe('a fair queue', () => {
  it('lets as many through as there are places, the others when one is given back', async () => {
    const queue = new FairQueue(2)
    const [first] = await Promise.all(['a', 'b'].map((user) => queue.take(user, forever, () => {})))
    const order: string[] = []
    const third = queue.take('c', forever, () => {}).then(() => order.push('c'))
    await Promise.resolve()
    expect(order).toEqual([])
    first!()
    first!()
    await third
    expect(order).toEqual(['c'])
    expect(queue.waitingOf('c')).toBe(0)
  })

  it('takes turns between users, however many requests one of them has', async () => {
    const queue = new FairQueue(1)
    let giveBack = await queue.take('busy', forever, () => {})
    const order: string[] = []
    const waiting = ['busy 1', 'busy 2', 'busy 3', 'other 1', 'third 1', 'other 2'].map((name) =>
      queue
        .take(name.split(' ')[0]!, forever, () => {})
        .then((give) => {
          order.push(name)
          giveBack = give
        }),
    )
    for (const _ of waiting) {
      giveBack()
      await new Promise((resolve) => setTimeout(resolve))
    }
    await Promise.all(waiting)
    expect(order).toEqual(['other 1', 'third 1', 'busy 1', 'other 2', 'busy 2', 'busy 3'])
  })

  it('puts who has nothing going on before who has', async () => {
    const queue = new FairQueue(2)
    const [give] = await Promise.all([1, 2].map(() => queue.take('busy', forever, () => {})))
    const order: string[] = []
    const waiting = ['busy', 'other'].map((user) => queue.take(user, forever, () => {}).then((back) => (order.push(user), back()))) // prettier-ignore
    give!()
    await Promise.all(waiting)
    expect(order).toEqual(['other', 'busy'])
  })

  it('says how many are ahead, and when that changes', async () => {
    const queue = new FairQueue(1)
    const give = await queue.take('a', forever, () => {})
    const told: Record<string, number[]> = { a: [], b: [], c: [] }
    const stop = new AbortController()
    const take = (user: string, signal = forever) => queue.take(user, signal, (ahead) => told[user]!.push(ahead)) // prettier-ignore
    const [own, other] = [take('a'), take('b', stop.signal)]
    const third = take('c')
    stop.abort(new Error('gone'))
    await expect(other).rejects.toThrow('gone')
    give()
    ;(await third)()
    await own
    // Who comes later overtakes the one that has an answer going on already.
    expect(told).toEqual({ a: [0, 1, 2, 1, 0], b: [0], c: [1, 0] })
  })

  it('does not let through who is gone', async () => {
    const queue = new FairQueue(1)
    await expect(queue.take('a', AbortSignal.abort(new Error('gone')), () => {})).rejects.toThrow('gone') // prettier-ignore
    const give = await queue.take('a', forever, () => {})
    give()
    ;(await queue.take('b', forever, () => {}))()
  })
})
