export type Params = Record<string, string | number>

/** Fills `{name}` and `{name|one|many}`: with 3, `{n|file|files}` is `3 files`. Unknown holes stay. */
export function fill(text: string, params: Params): string {
  return text.replace(
    /\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g,
    (hole, name: string, one?: string, many?: string) => {
      const value = params[name]
      if (value === undefined) return hole
      if (one === undefined) return String(value)
      return `${value} ${value === 1 ? one : many}`
    },
  )
}
