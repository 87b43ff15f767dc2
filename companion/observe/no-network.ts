import { SiloError } from '#shared/errors/silo-error.ts'
import { watchOutbound } from './outbound-guard.ts'

/** Imported first by threads and processes that read what others wrote: from here on they connect to nothing, not even here. */
watchOutbound({
  permit({ host }) {
    throw new SiloError('egress_refused', { params: { host } })
  },
  refused() {},
  opening() {},
  opened() {},
  closed() {},
  datagram() {},
})
