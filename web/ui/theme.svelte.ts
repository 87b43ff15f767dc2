export type Theme = 'dark' | 'light'

const storageKey = 'silo.theme'
const browserColors = { dark: '#1a1a1a', light: '#f4f4f1' } as const

class ThemeState {
  // The script in app.html has set the attribute before the first paint.
  #current = $state<Theme>(
    typeof document !== 'undefined' && document.documentElement.dataset.theme === 'light'
      ? 'light'
      : 'dark',
  )

  get current(): Theme {
    return this.#current
  }

  set(theme: Theme): void {
    this.#current = theme
    localStorage.setItem(storageKey, theme)
    document.documentElement.dataset.theme = theme
    // Set by app.html for the moment before the style sheet arrives.
    document.documentElement.style.removeProperty('background')
    document
      .querySelector('meta[name="theme-color"]')
      ?.setAttribute('content', browserColors[theme])
  }

  toggle(): void {
    this.set(this.#current === 'dark' ? 'light' : 'dark')
  }
}

/** Dark unless the person chose light. */
export const theme = new ThemeState()
