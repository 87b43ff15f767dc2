import { coverageOf, unknownShare, type RankedPassage } from './rank.ts'
import { tellingTerms } from './query-terms.ts'

/** What decides whether passages answer is judged by features that hold for any vault and either language. */
export interface FitInput {
  /** The question without the words taken as filters. */
  readonly question: string
  /** Best first; a few dozen, so that what is usual for this question shows. */
  readonly hits: readonly FitHit[]
  /** Cosines of the question with passages from all over what was searched. */
  readonly background: readonly number[]
}

export interface FitHit extends RankedPassage {
  readonly denseRank?: number | undefined
  readonly textRank?: number | undefined
}

export interface FitFeatures {
  /** Share of the question's telling words that the best of the first passages holds, the rarer the weightier. */
  readonly coverage: number
  /** How far the first passage lies above what is usual for this question, in standard deviations. */
  readonly lift: number
  /** How far it lies above the passages that follow, likewise. */
  readonly margin: number
  /** 1 where meaning and words agree on the first place, falling with the ranks. */
  readonly agreement: number
  /** Share of the question's telling words that stand nowhere in what was found. */
  readonly unknown: number
  /** 1 where a word with a number in it, a name of a thing, stands nowhere in the first passages. */
  readonly missingCode: number
  /** 1 where a name in the question stands nowhere in the first passages, though they are in its script. */
  readonly missingName: number
  /** 1 where the first passages are in another script than the question, so that no words can agree. */
  readonly foreign: number
}

/** Passages whose words count; deeper ones are chance. */
const looked = 3

const nothingFound: FitFeatures = { coverage: 0, lift: 0, margin: 0, agreement: 0, unknown: 1, missingCode: 0, missingName: 0, foreign: 0 } // prettier-ignore

export function fitFeatures({ question, hits, background }: FitInput): FitFeatures {
  const first = hits[0]
  if (!first) return nothingFound
  const near = hits.flatMap(({ similarity }) => similarity ?? []).sort((a, b) => b - a)
  const usual = background.length >= 8 ? background : near
  const spread = Math.max(deviation(usual), 1e-3)
  const best = Math.max(...hits.slice(0, looked).map(({ similarity }) => similarity ?? 0))
  const following = near.slice(3, 13)
  // A year is no name of a thing: documents bear it without saying it.
  const codes = tellingTerms(question).filter(
    (term) => /\d/.test(term) && /[a-z]|\d{3}/.test(term) && !/^(?:19|20)\d\d$/.test(term),
  )
  const covered = coverageOf(codes.join(' '), hits)
  const top = hits.slice(0, looked)
  const foreign = isHan(first.text) !== isHan(question)
  const names = foreign ? [] : namesIn(question)
  const missing = names.some((name) => Math.max(...coverageOf(name, top)) < 0.99)
  return {
    coverage: Math.max(...coverageOf(question, hits).slice(0, looked)),
    lift: (best - mean(usual)) / spread,
    margin: following.length > 0 ? (best - mean(following)) / spread : 0,
    agreement: (1 / (first.denseRank ?? 50) + 1 / (first.textRank ?? 50)) / 2,
    unknown: unknownShare(question, hits),
    missingCode: codes.length > 0 && Math.max(...covered.slice(0, looked)) < 0.99 ? 1 : 0,
    missingName: missing ? 1 : 0,
    foreign: foreign ? 1 : 0,
  }
}

/** Words written with a capital inside a sentence: people, places, firms. */
function namesIn(question: string): string[] {
  return [...question.matchAll(/(?<=[\p{L}\p{N},] )\p{Lu}\p{Ll}{2,}(?!\p{L})/gu)].map(
    ([name]) => name,
  )
}

function isHan(text: string): boolean {
  const han = text.match(/\p{Script=Han}/gu)?.length ?? 0
  return han * 3 > (text.match(/\p{L}/gu)?.length ?? 0)
}

/** How sure it is that the hits hold an answer, 0 to 1. Fitted on tests/fixtures/retrieval: tests/bench/retrieval.ts. */
export function fitProbability(features: FitFeatures): number {
  const sum = (Object.keys(fitWeights) as (keyof typeof fitWeights)[]).reduce(
    (total, name) => total + fitWeights[name] * (name === 'bias' ? 1 : features[name]),
    0,
  )
  return 1 / (1 + Math.exp(-sum))
}

const fitWeights = {
  bias: -3.5,
  coverage: 1.9,
  lift: 0.94,
  margin: 0.17,
  agreement: 2.3,
  unknown: -1.5,
  missingCode: -3,
  missingName: -1.55,
  foreign: -1.1,
}
/** Below this, the vault does not hold it. */
export const fitThreshold = 0.45

function mean(values: readonly number[]): number {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0
}

function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}
