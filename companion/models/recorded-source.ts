import type { ModelSource } from '#shared/contracts/model-source.ts'

/** Writes every try of a source that lies outside this machine into the egress ledger, before it is made. */
export function recordedSource(
  source: ModelSource,
  ledger: {
    record(entry: { kind: 'download'; host: string; bytes: number; purpose: string }): void
  },
): ModelSource {
  if (source.type === 'file') return source
  return {
    ...source,
    async fetch(request) {
      const { spec } = request
      const purpose = 'file' in spec ? spec.file : 'packages' in spec ? packageNames(spec) : ''
      ledger.record({ kind: 'download', host: source.describe(spec), bytes: 0, purpose })
      await source.fetch(request)
    },
  }
}

function packageNames({ packages }: { packages: readonly { name: string }[] }): string {
  return packages.map(({ name }) => name).join(', ')
}
