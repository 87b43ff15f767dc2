import { termsOf } from './terms.ts'

/** What decides whether a passage answers is judged by features that hold for any vault and either language. */
export interface FitInput {
  /** The question without the words taken as filters. */
  readonly question: string
  /** Best first; a few dozen, so that what is usual for this question shows. */
  readonly hits: readonly FitHit[]
  /** Cosines of the question with passages from all over what was searched. */
  readonly background: readonly number[]
}

export interface FitHit {
  readonly title: string
  readonly headings: readonly string[]
  readonly text: string
  readonly similarity?: number
  readonly denseRank?: number
  readonly textRank?: number
}

export interface FitFeatures {
  /** Share of the question's telling words that stand in the best passage of the first few, the rarer the weightier. */
  readonly coverage: number
  /** How far the nearest passage lies above what is usual for this question, in standard deviations. */
  readonly lift: number
  /** How far it lies above the nearest passages that follow, likewise. */
  readonly margin: number
  /** 1 where meaning and words agree on the first place, falling with the ranks. */
  readonly agreement: number
  /** Share of the question's telling words that stand nowhere in what was found. */
  readonly unknown: number
}

/** Passages whose words count; deeper ones are chance. */
const looked = 5
/** Words of questions, which stand in many passages and say nothing of what is asked. */
const english = new Set('a an and any are as at be been by can could did do does for from get had has have how i if in is it its many me much my no not of on or our shall should so than that the their them there these they this those to up us was we were what when where which who whom whose why will with would you your about into per'.split(' ')) // prettier-ignore
const chinese =
  /[的了吗呢吧在是和与或有为于被把对从到及等个这那哪谁么怎何几些我你您他她它们请能会要可应该多少]/u

/** The words of a question that tell what it is about. */
export function tellingTerms(question: string): string[] {
  return termsOf(question, 'query').filter((term) =>
    /\p{Script=Han}/u.test(term) ? !chinese.test(term) : !english.has(term) && term.length > 1,
  )
}

export function fitFeatures({ question, hits, background }: FitInput): FitFeatures {
  const terms = tellingTerms(question)
  const known = hits.map(({ title, headings, text }) => new Set(termsOf([title, ...headings, text].join('\n'), 'document'))) // prettier-ignore
  // Rare among what was found weighs more; what stands nowhere weighs most.
  const weights = terms.map((term) => {
    const holders = known.filter((set) => set.has(term)).length
    return Math.log(1 + known.length / (1 + holders))
  })
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const share = (holds: (term: string) => boolean): number =>
    total === 0 ? 0 : terms.reduce((sum, term, at) => sum + (holds(term) ? weights[at]! : 0), 0) / total // prettier-ignore
  const coverage = Math.max(0, ...known.slice(0, looked).map((set) => share((term) => set.has(term)))) // prettier-ignore
  const unknown = share((term) => !known.some((set) => set.has(term)))

  const near = hits.flatMap(({ similarity }) => similarity ?? []).sort((a, b) => b - a)
  const usual = background.length >= 8 ? background : near
  const best = near[0] ?? 0
  const spread = deviation(usual) || 1
  const following = near.slice(3, 13)
  const first = hits[0]
  return {
    coverage,
    lift: near.length ? (best - mean(usual)) / spread : 0,
    margin: following.length ? (best - mean(following)) / spread : 0,
    agreement: first ? (1 / (first.denseRank ?? 50) + 1 / (first.textRank ?? 50)) / 2 : 0,
    unknown,
  }
}

/** How sure it is that the hits hold an answer, 0 to 1. Weights: tests/bench/retrieval.ts `--fit`. */
export function fitProbability(features: FitFeatures): number {
  const { bias, coverage, lift, margin, agreement, unknown } = fitWeights
  const sum =
    bias +
    coverage * features.coverage +
    lift * features.lift +
    margin * features.margin +
    agreement * features.agreement +
    unknown * features.unknown
  return 1 / (1 + Math.exp(-sum))
}

export const fitWeights = { bias: -4, coverage: 4, lift: 1, margin: 1, agreement: 1, unknown: -2 }
/** Below this, the vault does not hold it. */
export const fitThreshold = 0.5

function mean(values: readonly number[]): number {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0
}

function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}
