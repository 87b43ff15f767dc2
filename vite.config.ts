import { sveltekit } from '@sveltejs/kit/vite'
import { defineConfig } from 'vite'
import config from './svelte.config.js'
import { errorTextsApart } from './web/error-texts-plugin.ts'

export default defineConfig({
  root: 'web',
  plugins: [errorTextsApart(), sveltekit(config)],
  server: {
    fs: { allow: ['..'] },
    proxy: { '/api': 'http://127.0.0.1:7450', '/v1': 'http://127.0.0.1:7450' },
  },
})
