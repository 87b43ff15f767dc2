export { termsOf } from '#shared/vault/terms.ts'
