import type { TransportKind } from '#shared/domain/device.ts'

/** A request to a companion: what `fetch` would be given, without an origin. */
export interface TransportRequest {
  readonly method: string
  /** From the root, query included: `/api/runs?active=1`. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | Blob | ReadableStream<Uint8Array>
}

/**
 * A standing connection to one companion. One suite in tests/contracts/transport.ts states what every
 * implementation and the fake do: query and headers arrive, bodies stream both ways with back-pressure, an abort
 * reaches the handler, many requests go on at once, and one that fails leaves the others alone.
 */
export interface Transport extends AsyncDisposable {
  readonly specVersion: 1
  readonly kind: TransportKind
  /**
   * Sends one request and resolves with the head of the answer; the body streams.
   * @throws the signal's reason, or SiloError companion_unreachable, device_not_paired, bad_response
   */
  request(request: TransportRequest, signal: AbortSignal): Promise<Response>
  /** Resolves once, when the connection is over, whoever ended it. */
  readonly closed: Promise<void>
}
