import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createNetwork, type Network } from '../e2e/network.ts'
import { until } from './lan-harness.ts'

let network: Network
let home: string
let companion: ChildProcess
const port = 17_451
beforeAll(() => {
  network = createNetwork()
  home = mkdtempSync(join(tmpdir(), 'silo-lan-net-'))
  const [program = '', ...args] = [...network.desk.prefix, process.execPath, 'tests/fakes/companion.ts'] // prettier-ignore
  companion = spawn(program, args, {
    env: { ...process.env, SILO_HOME: home, SILO_PORT: '0', SILO_LAN: '1', SILO_LAN_PORT: String(port), SILO_OFFLINE: '1' }, // prettier-ignore
    stdio: ['ignore', 'ignore', 'inherit'],
  })
})
afterAll(async () => {
  const ended = new Promise((resolve) => companion.once('exit', resolve))
  companion.kill()
  await ended
  network.close()
  rmSync(home, { recursive: true, force: true })
})

/** Runs a script on the phone, which shares nothing with the desk but the cable. The answer is what it prints. */
async function onPhone(script: string): Promise<string> {
  const [program = '', ...args] = [...network.phone.prefix, process.execPath, '--input-type=module', '-e', script] // prettier-ignore
  const options = { timeout: 20_000, cwd: process.cwd() }
  return promisify(execFile)(program, args, options).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
}

/** What the phone's own resolver does: asks the group from a port of its own, and takes the first answer. */
const resolve = (name: string) => `
  import packet from 'dns-packet'
  import { createSocket } from 'node:dgram'
  const socket = createSocket('udp4').bind(0, () => {
    const query = { id: 7, type: 'query', questions: [{ name: '${name}', type: 'A' }] }
    ${network.isolated ? '' : "socket.setMulticastInterface('0.0.0.0');"}
    socket.send(packet.encode(query), 5353, '224.0.0.251')
  })
  socket.on('message', (bytes) => {
    console.log(packet.decode(bytes).answers.map((answer) => answer.data).join())
    process.exit()
  })
  setTimeout(() => process.exit(), 1000)`

it('is found by name from another machine, explains its certificate there and serves the app', async () => {
  const site = `http://${network.deskAddress}:${port + 3}`
  const page = await until(
    () => onPhone(`console.log(await (await fetch('${site}/')).text())`),
    // The names are this machine's a second after they were asked for.
    (text) => text.includes('</html>') && (!network.isolated || /silo-\w{6}\.local/.test(text)),
  )
  const own = /silo-[0-9a-z]{6}\.local/.exec(page)?.[0]
  const ca = await onPhone(`console.log(await (await fetch('${site}/silo-ca.pem')).text())`)
  const ask = (host: string) => `
    import { request } from 'node:https'
    const options = { ca: ${JSON.stringify(ca)}, host: '${network.deskAddress}', port: ${port}, path: '/api/status', servername: '${host}', headers: { host: '${host}:${port}' } }
    request(options, (response) => { console.log(response.statusCode); process.exit() }).end()`
  if (network.isolated) {
    expect(own).toBeDefined()
    for (const name of [own!, 'silo.local']) {
      const address = await until(() => onPhone(resolve(name)), Boolean)
      expect(address).toBe(network.deskAddress)
      // 401: it is there, trusted, and keeps the API for those who are paired or signed in.
      expect(await until(() => onPhone(ask(name)), Boolean)).toBe('401')
    }
  }
  const byAddress = `const { request } = await import('node:https'); request('https://${network.deskAddress}:${port}/api/status', { ca: ${JSON.stringify(ca)} }, (response) => { console.log(response.statusCode); process.exit() }).end()`
  expect(await onPhone(byAddress)).toBe('401')
})
