export interface Toast {
  readonly id: number
  readonly text: string
  readonly tone: 'info' | 'good' | 'signal'
  readonly action?: { readonly label: string; readonly run: () => void }
}

export interface ToastOptions {
  tone?: Toast['tone']
  /** E.g. Undo. Choosing it closes the toast. */
  action?: Toast['action']
  /** Milliseconds; 6 000, or 10 000 with an action. 0 keeps it until it is closed. */
  lastsMs?: number
}

class Toasts {
  #list = $state.raw<readonly Toast[]>([])
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>()
  #last = 0

  get list(): readonly Toast[] {
    return this.#list
  }

  /** Shows a short message at the lower edge. Returns the end of it. */
  show(text: string, options: ToastOptions = {}): () => void {
    const id = ++this.#last
    const { tone = 'info', action } = options
    this.#list = [...this.#list.slice(-2), { id, text, tone, ...(action ? { action } : {}) }]
    const lastsMs = options.lastsMs ?? (action ? 10_000 : 6000)
    if (lastsMs > 0)
      this.#timers.set(
        id,
        setTimeout(() => this.close(id), lastsMs),
      )
    return () => this.close(id)
  }

  close(id: number): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.#list = this.#list.filter((toast) => toast.id !== id)
  }
}

/** The toasts of this tab; drawn once by the layout. */
export const toasts = new Toasts()
