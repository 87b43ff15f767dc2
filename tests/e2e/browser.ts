import { findBrowser } from '#companion/setup/browser.mjs'

/** Flags for a quiet headless Chromium that never calls home. */
export const launchOptions = {
  executablePath: findBrowser(),
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}
