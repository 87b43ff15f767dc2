import { termsOf } from './terms.ts'

/** Words of questions, which stand in many passages and say nothing of what is asked. */
const english = new Set('a an and any are as at be been by can could did do does for from get gets got had has have how i if in is it its many me much must my no not of on or our shall should so than that the their them there these they this those to up us was we were what when where which who whom whose why will with would you your about into per'.split(' ')) // prettier-ignore
const chinese =
  /[的了吗呢吧在是和与或有为于被把对从到及等个这那哪谁么怎何几我您你他她它们请能会要可应该多少]/u

/** The words of a question that tell what it is about; all of them where none does. */
export function tellingTerms(question: string): string[] {
  const terms = termsOf(question, 'query')
  const telling = terms.filter((term) =>
    /\p{Script=Han}/u.test(term)
      ? !chinese.test(term)
      : !english.has(term) && (term.length > 1 || /\d/.test(term)),
  )
  return telling.length > 0 ? telling : terms
}

/** What full text is searched for: the telling words, English ones also in the other number. */
export function searchTerms(question: string): string[] {
  return [...new Set(tellingTerms(question).flatMap((term) => [term, ...otherNumber(term)]))]
}

/** "ticket" for "tickets" and the other way round. */
export function otherNumber(term: string): string[] {
  if (!/^[a-z]{3,}$/.test(term)) return []
  if (/(?:ss|us|is)$/.test(term)) return []
  if (term.endsWith('ies')) return [`${term.slice(0, -3)}y`]
  if (term.endsWith('s')) return [term.slice(0, -1)]
  return [`${term}s`]
}
