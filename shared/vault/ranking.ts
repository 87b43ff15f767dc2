/**
 * How the lists of a hybrid search are weighed against the list by meaning. Measured on tests/fixtures/retrieval with
 * the real embedding model: `npm run bench -- retrieval --weights`.
 */
export const textWeight = 1
/** Of the list by how many of the question's words a passage holds. */
export const coverageWeight = 0.5
/** Of the list of what fits a time that may be meant. */
export const timeWeight = 1
