import adapter from '@sveltejs/adapter-static'
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte'
import { precompress } from './companion/setup/precompress.mjs'

const folder = 'build/web'
const pages = adapter({ pages: folder, assets: folder, fallback: 'index.html', precompress: false })

/** Read by vite.config.ts, where the paths are relative to web/ (docs/decisions/0001-layout-and-runtime.md). */
/** @type {import('@sveltejs/kit').Config} */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true },
  adapter: {
    ...pages,
    async adapt(builder) {
      await pages.adapt(builder)
      await precompress(folder)
    },
  },
  files: { src: '.', routes: 'routes', appTemplate: 'app.html', assets: '../static' },
  outDir: '.svelte-kit',
  // A deep link opened offline gets index.html; relative asset paths would then point nowhere.
  paths: { relative: false },
  // Registered by web/client/app-update.ts, so that an update asks first.
  serviceWorker: { register: false },
}
