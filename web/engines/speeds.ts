import * as v from 'valibot'

const key = 'silo-page-speeds'
const schema = v.record(v.string(), v.number())
/** Share of the newest measurement: a phone slows down when it is hot, and one answer is noise. */
const weight = 0.3

/** How fast models wrote on this device, tokens per second; kept between visits. */
export class Speeds {
  #known: Record<string, number> | undefined

  of(modelId: string): number | undefined {
    return this.#all()[modelId]
  }

  note(modelId: string, tokensPerSecond: number): void {
    const before = this.of(modelId)
    const next = before === undefined ? tokensPerSecond : before + weight * (tokensPerSecond - before) // prettier-ignore
    this.#known = { ...this.#all(), [modelId]: Math.round(next * 10) / 10 }
    try {
      localStorage.setItem(key, JSON.stringify(this.#known))
    } catch {
      // Private windows may refuse; it is measured again.
    }
  }

  #all(): Record<string, number> {
    this.#known ??= read()
    return this.#known
  }
}

function read(): Record<string, number> {
  try {
    const parsed = v.safeParse(schema, JSON.parse(localStorage.getItem(key) ?? '{}'))
    return parsed.success ? parsed.output : {}
  } catch {
    return {}
  }
}
