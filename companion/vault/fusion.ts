export { fuse, type Fused } from '#shared/vault/fusion.ts'
