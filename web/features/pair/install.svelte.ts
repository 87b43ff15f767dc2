interface InstallPrompt extends Event {
  prompt(): Promise<void>
  readonly userChoice: Promise<{ outcome: 'accepted' | 'dismissed' }>
}

/** Whether this browser offers to put the app on the home screen. Its word comes once, early in the page's life. */
class Install {
  #prompt = $state.raw<InstallPrompt>()
  #installed = $state(matchMedia('(display-mode: standalone)').matches)

  constructor() {
    window.addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault()
      this.#prompt = event as InstallPrompt
    })
    window.addEventListener('appinstalled', () => (this.#installed = true))
  }

  /** The page runs as an installed app, or was just installed. */
  get installed(): boolean {
    return this.#installed
  }

  get offered(): boolean {
    return this.#prompt !== undefined
  }

  /** Shows the browser's own question. */
  async ask(): Promise<void> {
    const prompt = this.#prompt
    this.#prompt = undefined
    await prompt?.prompt()
  }
}

export const install = new Install()
