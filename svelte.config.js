import adapter from '@sveltejs/adapter-static'
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte'

/** Read by vite.config.ts, where the paths are relative to web/ (docs/decisions/0001-layout-and-runtime.md). */
/** @type {import('@sveltejs/kit').Config} */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true },
  adapter: adapter({
    pages: 'build/web',
    assets: 'build/web',
    fallback: 'index.html',
    precompress: true,
  }),
  files: { src: '.', routes: 'routes', appTemplate: 'app.html', assets: '../static' },
  outDir: '.svelte-kit',
  // A deep link opened offline gets index.html; relative asset paths would then point nowhere.
  paths: { relative: false },
  // Registered by web/client/app-update.ts, so that an update asks first.
  serviceWorker: { register: false },
}
