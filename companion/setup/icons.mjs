/**
 * Draws the logo and renders the icons: `node_modules/node/bin/node companion/setup/icons.mjs`, after a change
 * here; the results in static/ are committed. The logo is a grain silo seen from above (roof rings, seams,
 * hatch) inside a hexagon.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright'
import { findBrowser } from './browser.mjs'
import { root, say } from './process.mjs'

const amber = '#ffbf00'
const charcoal = '#1a1a1a'
const centre = 256
const round = (number) => Math.round(number * 100) / 100
const at = (radius, degrees) => {
  const angle = (degrees * Math.PI) / 180
  return `${round(centre + radius * Math.cos(angle))} ${round(centre + radius * Math.sin(angle))}`
}
const circle = (radius, attributes) =>
  `<circle cx="${centre}" cy="${centre}" r="${radius}" ${attributes}/>`

/** A hexagon standing on a point, its corners rounded by `corner`. */
function hexagon(radius, corner) {
  const cut = corner / radius
  const points = Array.from({ length: 6 }, (_, index) => 60 * index - 90)
  const towards = (from, to) => {
    const [x1, y1] = at(radius, from).split(' ').map(Number)
    const [x2, y2] = at(radius, to).split(' ').map(Number)
    return `${round(x1 + (x2 - x1) * cut)} ${round(y1 + (y2 - y1) * cut)}`
  }
  return `${points
    .map(
      (degrees, index) =>
        `${index ? 'L' : 'M'}${towards(degrees, degrees - 60)}Q${at(radius, degrees)} ${towards(degrees, degrees + 60)}`,
    )
    .join('')}Z`
}

/** One panel of the conical roof between two rings. */
function panel(inner, outer, from, to) {
  return `M${at(inner, from)}L${at(outer, from)}A${outer} ${outer} 0 0 1 ${at(outer, to)}L${at(inner, to)}A${inner} ${inner} 0 0 0 ${at(inner, from)}Z`
}

/** The roof from above, lit from the upper left: rings, twelve seams and the hatch. */
function roof(scale) {
  const [hatch, middle, outer] = [44, 102, 158].map((radius) => round(radius * scale))
  const step = 30
  const panels = []
  for (let from = 0; from < 360; from += step) {
    // Brightest where a panel faces the light at 225° (upper left on the screen), darkest opposite.
    const facing = (1 + Math.cos(((from + step / 2 - 232) * Math.PI) / 180)) / 2
    panels.push(
      `<path d="${panel(hatch, middle, from, from + step)}" opacity="${round(0.2 + 0.72 * facing)}"/>`,
    )
    panels.push(
      `<path d="${panel(middle, outer, from, from + step)}" opacity="${round(0.1 + 0.56 * facing)}"/>`,
    )
  }
  const seams = Array.from(
    { length: 12 },
    (_, index) => `M${at(hatch, index * step)}L${at(outer, index * step)}`,
  ).join('')
  return `<g fill="${amber}">${panels.join('')}</g>
  <g fill="none" stroke="${charcoal}" stroke-width="${round(6 * scale)}"><path d="${seams}"/>${circle(middle, '')}</g>
  <g fill="none" stroke="${amber}">${circle(outer, `stroke-width="${round(12 * scale)}"`)}</g>
  ${circle(hatch, `fill="${charcoal}" stroke="${amber}" stroke-width="${round(12 * scale)}"`)}
  ${circle(round(15 * scale), `fill="${amber}"`)}`
}

const svg = (body) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" role="img" aria-label="Silo">
  ${body}
</svg>
`
const logo =
  svg(`<path d="${hexagon(240, 26)}" fill="${charcoal}" stroke="${amber}" stroke-width="20" stroke-linejoin="round"/>
  ${roof(1)}`)
// Sixteen pixels hold a hexagon, one ring and the hatch.
const favicon =
  svg(`<path d="${hexagon(232, 30)}" fill="${charcoal}" stroke="${amber}" stroke-width="44" stroke-linejoin="round"/>
  ${circle(108, `fill="none" stroke="${amber}" stroke-width="44"`)}
  ${circle(40, `fill="${amber}"`)}`)
// A maskable icon is cut to any shape: full-bleed background, drawing within the middle 80 %.
const maskable = svg(`<rect width="512" height="512" fill="${charcoal}"/>
  <path d="${hexagon(186, 20)}" fill="none" stroke="${amber}" stroke-width="15" stroke-linejoin="round"/>
  ${roof(0.77)}`)

const folder = join(root, 'static')
mkdirSync(join(folder, 'icons'), { recursive: true })
writeFileSync(join(folder, 'logo.svg'), logo)
writeFileSync(join(folder, 'favicon.svg'), favicon)

const browser = await chromium.launch({
  executablePath: findBrowser(),
  args: ['--headless', '--no-sandbox', '--disable-gpu'],
})
try {
  const page = await browser.newPage()
  for (const [name, drawing, size] of [
    ['icons/icon-192.png', logo, 192],
    ['icons/icon-512.png', logo, 512],
    ['icons/maskable-192.png', maskable, 192],
    ['icons/maskable-512.png', maskable, 512],
    ['apple-touch-icon.png', maskable, 180],
  ]) {
    await page.setViewportSize({ width: size, height: size })
    await page.setContent(
      `<style>body{margin:0;background:transparent}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`,
    )
    await page.screenshot({ path: join(folder, name), omitBackground: true })
    say(`static/${name}`)
  }
} finally {
  await browser.close()
}
