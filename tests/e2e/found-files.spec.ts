import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@playwright/test'
import { testModel } from '#tests/models.ts'
import { makeHome, removeHome, startCompanionProcess } from './companion.ts'

test('a model that Ollama fetched is taken in where it lies, and forgotten without being deleted', async ({
  page,
}) => {
  const home = makeHome([])
  const ollama = mkdtempSync(join(tmpdir(), 'silo-ollama-'))
  const digest = 'b179c952'.padEnd(64, '0')
  mkdirSync(join(ollama, 'blobs'))
  symlinkSync(testModel('smollm2-135m'), join(ollama, 'blobs', `sha256-${digest}`))
  const manifests = join(ollama, 'manifests', 'registry', 'library', 'smollm2')
  mkdirSync(manifests, { recursive: true })
  const layers = [{ mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}` }]
  writeFileSync(join(manifests, '135m'), JSON.stringify({ schemaVersion: 2, layers }))
  const companion = await startCompanionProcess(home, { SILO_OFFLINE: '1', SILO_LAN: '0', OLLAMA_MODELS: ollama }) // prettier-ignore
  try {
    await page.goto(companion.urlWithToken)
    await page.evaluate(() =>
      fetch('/api/settings', {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ onboarded: true }),
      }),
    )
    await page.goto(`${companion.url}/models`)
    await page.getByRole('button', { name: 'Import a file' }).click()
    await expect(page.getByText('smollm2:135m')).toBeVisible()
    await page.getByTestId('found-file').first().check()
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    const row = page.locator('[data-testid="model-row"][data-model^="import-"]')
    await expect(row).toContainText('imported', { timeout: 30_000 })

    await page.getByRole('button', { name: 'Import a file' }).click()
    await expect(page.getByTestId('import-path')).toBeVisible()
    await expect(page.getByTestId('found-file')).toHaveCount(0)
    await page.keyboard.press('Escape')
    await row.getByRole('button', { name: /^Actions for/ }).click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await page.getByRole('button', { name: 'Delete the file' }).click()
    await expect(row).toHaveCount(0)
    await page.getByRole('button', { name: 'Import a file' }).click()
    await expect(page.getByText('smollm2:135m')).toBeVisible()
  } finally {
    await companion.stop()
    removeHome(home)
    rmSync(ollama, { recursive: true, force: true })
  }
})
