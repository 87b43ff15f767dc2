export { keyOf, mergeAnswers, withoutRepeats } from '#shared/vault/passage-merge.ts'
