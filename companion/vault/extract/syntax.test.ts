import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { chunkDocument } from '../chunk.ts'
import type { Extracted } from './extracted.ts'
import { extractSource } from './syntax.ts'

/** Bodies long enough that classes are cut into their methods. */
const lines = (mark: string, line: (index: number) => string): string =>
  Array.from({ length: 18 }, (_, index) => `    ${line(index)} ${mark}`).join('\n')
const body = (mark: string): string => lines(`// ${mark}`, (index) => `total += ${index};`)
const hashBody = (mark: string): string => lines(`# ${mark}`, (index) => `total = total + ${index}`)

const sources: Record<string, [source: string, symbols: string[]]> = {
  'a.ts': [
    `import x from 'y'\n\n/** Adds. */\nexport function add(a: number): number {\n${body('m')}\n}\n\nexport const twice = (n: number) => n * 2\n\n@Injectable()\nexport class Store<T> {\n  private a = 1\n\n  /** Puts. */\n  async put(): Promise<void> {\n${body('m')}\n  }\n\n  get = () => {\n${body('m')}\n  }\n}\n\nexport interface Shape { area: number }\ntype Name = string\nenum Kind { A }\n`,
    ['function add', 'function twice', 'class Store', 'class Store › method put', 'class Store › method get', 'interface Shape', 'type Name', 'enum Kind'], // prettier-ignore
  ],
  'b.tsx': [`export default function App() { return <p>hi</p> }\n`, ['function App']],
  'c.py': [
    `import os\n\n@cached\ndef load(path):\n${hashBody('m')}\n\nclass Pump(Base):\n    """Doc."""\n\n    @property\n    def rate(self):\n${hashBody('m').replaceAll('    ', '        ')}\n\n    async def stop(self):\n${hashBody('m').replaceAll('    ', '        ')}\n`,
    ['function load', 'class Pump', 'class Pump › method rate', 'class Pump › method stop'],
  ],
  'd.go': [
    `package main\n\n// Run runs.\nfunc Run() {\n${body('m')}\n}\n\nfunc (s *Store[T]) Put() {\n${body('m')}\n}\n\ntype Store struct { a int }\n`,
    ['function Run', 'method Store.Put', 'type Store'],
  ],
  'e.rs': [
    `use a::b;\n\n/// Doc.\n#[derive(Debug)]\npub struct Pump { a: u8 }\n\nimpl Display for Pump {\n    fn fmt(&self) {\n${body('m')}\n    }\n    fn other() {\n${body('m')}\n    }\n}\n\nmod inner {\n    pub fn deep() {\n${body('m')}\n${body('m')}\n    }\n}\n`,
    ['struct Pump', 'impl Display for Pump › method fmt', 'impl Display for Pump › method other', 'module inner › function deep'], // prettier-ignore
  ],
  'f.java': [
    `package a;\n\n/** Doc. */\npublic class Pump {\n  int b;\n  public Pump() {\n${body('m')}\n  }\n  @Override\n  public int rate() {\n${body('m')}\n  }\n}\n`,
    ['class Pump', 'class Pump › constructor Pump', 'class Pump › method rate'],
  ],
  'g.c': [
    `#include <a.h>\n\nstatic int *read_all(char *s) {\n${body('m')}\n}\n\nstruct buffer { int a; };\n`,
    ['function read_all', 'struct buffer'],
  ],
  'h.cpp': [
    `namespace silo {\ntemplate <class T>\nclass Pump : public Base {\n public:\n  void run(int a) {\n${body('m')}\n  }\n  bool operator==(const Pump& o) const {\n${body('m')}\n  }\n};\n}\n\nint Pump::rate() {\n${body('m')}\n}\n`,
    ['namespace silo › class Pump › method run', 'namespace silo › class Pump › method operator==', 'function Pump::rate'], // prettier-ignore
  ],
  'i.cs': [
    `namespace Silo {\n  public class Pump {\n    public Pump() {\n${body('m')}\n    }\n    public int Rate(int a) {\n${body('m')}\n    }\n  }\n}\n`,
    ['namespace Silo › class Pump › constructor Pump', 'namespace Silo › class Pump › method Rate'],
  ],
  'j.rb': [
    `module Silo\n  class Pump\n    def rate(a)\n${hashBody('m')}\n    end\n\n    def self.all\n${hashBody('m')}\n    end\n  end\nend\n`,
    ['module Silo › class Pump › method rate', 'module Silo › class Pump › method all'],
  ],
  'k.php': [
    `<?php\nnamespace Silo;\n\nclass Pump {\n  public function rate() {\n${body('m')}\n  }\n  private function stop() {\n${body('m')}\n  }\n}\n\nfunction helper() {\n${body('m')}\n}\n`,
    ['class Pump › method rate', 'class Pump › method stop', 'function helper'],
  ],
  'l.sh': [`set -e\n\nbuild() {\n${hashBody('m')}\n}\n\nfunction clean {\n  rm -rf out\n}\n`, ['function build', 'function clean']], // prettier-ignore
  'm.ps1': [`function Get-Pump {\n  return 1\n}\n`, ['function Get-Pump']],
}

/** In order, not overlapping, and nothing but white space between. */
function expectWhole({ text, segments }: Extracted, name: string): void {
  let at = 0
  for (const { start, end } of segments) {
    expect(start, name).toBeGreaterThanOrEqual(at)
    expect(end, name).toBeGreaterThan(start)
    expect(text.slice(at, start).trim(), name).toBe('')
    at = end
  }
  expect(text.slice(at).trim(), name).toBe('')
}

describe('source code', () => {
  for (const [name, [source, symbols]] of Object.entries(sources))
    it(`is cut at what has a name: ${name}`, async () => {
      const read = await extractSource(source, name)
      expectWhole(read, name)
      const found = [...new Set(read.segments.map(({ headings }) => headings.join(' › ')))]
      for (const symbol of symbols) expect(found).toContain(symbol)
    })

  it('keeps what stands above a symbol with it', async () => {
    const read = await extractSource(sources['a.ts']![0], 'a.ts')
    const at = (words: string) => read.segments.find(({ start, end }) => read.text.slice(start, end).includes(words))?.headings // prettier-ignore
    expect(at('/** Adds. */')).toEqual(['function add'])
    expect(at('@Injectable()')).toEqual(['class Store'])
    expect(at('/** Puts. */')).toEqual(['class Store', 'method put'])
    expect(at("from 'y'")).toEqual([])
  })

  it('gives passages the names of their symbols', async () => {
    const chunks = chunkDocument(await extractSource(sources['a.ts']![0], 'a.ts'))
    const put = chunks.find(({ text }) => text.includes('async put'))
    expect(put?.headings).toEqual(['class Store', 'method put'])
    // Imports alone are not worth a passage, and do not hide the name of what follows.
    expect(chunks[0]?.headings).toEqual(['function add'])
    for (const { headings, text } of chunks) expect(text).toContain(headings.at(-1)!.split(' ')[1])
  })

  it('that is another language, broken, huge or not known is cut at blank lines', async () => {
    const prose = 'This is no code at all, dear reader.\n\nIt only pretends (badly) to be so.\n'
    for (const [name, source] of Object.entries({
      'prose.go': prose,
      'broken.ts': `${'}}} ((( ]] class function => '.repeat(50)}\n\nmore`,
      'huge.py': 'x = 1\n\ny = 2\n'.repeat(170_000),
      'other.kt': 'fun a() = 1\n\nfun b() = 2\n',
    })) {
      const read = await extractSource(source, name)
      expect(read.segments.length, name).toBeGreaterThan(0)
      expect(
        read.segments.every(({ headings }) => headings.length === 0),
        name,
      ).toBe(true)
      if (name !== 'huge.py') expectWhole(read, name)
    }
  })

  it('of this project loses nothing', async () => {
    const folder = join(import.meta.dirname, '..')
    const names = readdirSync(folder).filter((name) => name.endsWith('.ts'))
    expect(names.length).toBeGreaterThan(10)
    for (const name of names) {
      const read = await extractSource(readFileSync(join(folder, name), 'utf8'), name)
      expectWhole(read, name)
      const chunks = chunkDocument(read)
      for (const chunk of chunks) expect(read.text.slice(chunk.start, chunk.end)).toBe(chunk.text)
    }
  })
})
