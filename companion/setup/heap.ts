import { setFlagsFromString } from 'node:v8'

/**
 * Set before anything is loaded. By itself V8 marks the whole heap for each 64 MiB of buffers that were made, however
 * soon they are let go: while files of gigabytes pass through, that is half of all the work. Counted with the heap
 * they bring about no more collections than other objects do.
 */
setFlagsFromString('--external-memory-accounted-in-global-limit')
/** How much buffers may grow between two collections, as a factor. */
setFlagsFromString('--external-memory-max-growing-factor=4')
