export { CitationTracker } from '#shared/generation/citation-tracker.ts'
