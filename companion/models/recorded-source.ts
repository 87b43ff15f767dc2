import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { ModelSource } from '#shared/contracts/model-source.ts'

/** Announces what a source that lies outside this machine connects to, so that it is on the egress ledger first. */
export function recordedSource(
  source: ModelSource,
  gate: Pick<EgressGate, 'announce' | 'note'>,
): ModelSource {
  if (source.type === 'file') return source
  return {
    ...source,
    async fetch(request) {
      const { spec } = request
      const purpose = 'file' in spec ? spec.file : 'packages' in spec ? packageNames(spec) : ''
      const host = source.describe(spec)
      // pip is a program of its own: that it goes out is known, and what it moves is not.
      if (source.type === 'pypi') gate.note({ kind: 'download', host, purpose })
      const bare = source.type === 'pypi' ? host : new URL(`http://${host}`).hostname
      await gate.announce({ kind: 'download', host: bare, purpose, redirects: true }, () =>
        source.fetch(request),
      )
    },
  }
}

function packageNames({ packages }: { packages: readonly { name: string }[] }): string {
  return packages.map(({ name }) => name).join(', ')
}
