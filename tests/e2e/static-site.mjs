import { createReadStream, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:https'
import { extname, join, normalize } from 'node:path'

/**
 * The built app on an https origin that is no companion's: `node static-site.mjs FOLDER KEY CERT`. Prints its port.
 * It sends what docs/install-lan.md asks of a static host, and answers an unknown path with the app's page.
 */
const [folder, key, cert] = process.argv.slice(2)
const types = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}
const server = createServer(
  { key: readFileSync(key), cert: readFileSync(cert) },
  (request, response) => {
    // prettier-ignore
    const { pathname } = new URL(request.url ?? '/', 'https://site')
    let path = join(folder, normalize(decodeURIComponent(pathname)))
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) path = join(folder, 'index.html')
    response.writeHead(200, {
      'Content-Type': types[extname(path)] ?? 'application/octet-stream',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cache-Control': 'no-cache',
    })
    createReadStream(path).pipe(response)
  },
)
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () =>
  process.stdout.write(`${server.address().port}\n`),
)
process.on('disconnect', () => process.exit(0))
process.stdin.on('end', () => process.exit(0)).resume()
