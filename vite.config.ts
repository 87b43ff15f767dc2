import { sveltekit } from '@sveltejs/kit/vite'
import { defineConfig } from 'vite'
import config from './svelte.config.js'
import { firstPageChunks } from './web/first-page-chunks.ts'
import { errorTextsApart, plainValuesOnly } from './web/first-page-plugin.ts'

export default defineConfig({
  root: 'web',
  plugins: [errorTextsApart(), plainValuesOnly(), sveltekit(config)],
  environments: {
    client: {
      build: {
        rolldownOptions: {
          output: { codeSplitting: firstPageChunks(`${import.meta.dirname}/web`) },
        },
      },
    },
  },
  server: {
    fs: { allow: ['..'] },
    proxy: { '/api': 'http://127.0.0.1:7450', '/v1': 'http://127.0.0.1:7450' },
  },
})
