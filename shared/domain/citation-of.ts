import * as v from 'valibot'
import { citationSchema, type Citation } from './conversation.ts'
import type { SearchHit } from './vault.ts'

/** What an answer keeps of a passage it rests on: where it stands and whose it is, not how it was found. */
export function citationOf(hit: SearchHit, marker: number): Citation {
  return v.parse(citationSchema, { ...hit, marker })
}
