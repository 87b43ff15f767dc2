/** What the page of the replica benchmark (replica-page.ts) does when it is told to; times in ms. */
export interface ReplicaPage {
  sync(): Promise<{ ms: number; chunks: number; bytes: number }>
  queries(
    asked: readonly { text: string; vector: number[] }[],
  ): Promise<{ cold: number; warm: number[] }>
  embed(url: string, texts: readonly string[]): Promise<{ loadMs: number; ms: number[] }>
}
