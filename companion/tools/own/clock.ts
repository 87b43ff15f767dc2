import * as v from 'valibot'
import type { Tool } from '#shared/contracts/tool.ts'

const inputSchema = v.strictObject({})

/** The time here. It needs no leave. */
export function createClockTool(
  now: () => Date = () => new Date(),
): Tool<v.InferOutput<typeof inputSchema>> {
  // prettier-ignore
  return {
    specVersion: 1,
    name: 'clock',
    title: { en: 'Look at the clock', zh: '查看时间' },
    description: 'The date, weekday and time on this computer.',
    readsForeignText: false,
    parameters: { type: 'object', properties: {}, required: [], additionalProperties: false },
    input: inputSchema,
    async call(_input, { language, signal }) {
      signal.throwIfAborted()
      const at = now()
      const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
      const time = `${two(at.getHours())}:${two(at.getMinutes())}`
      const locale = language === 'zh' ? 'zh-CN' : 'en-GB'
      const weekday = new Intl.DateTimeFormat(locale, { weekday: 'long' }).format(at)
      const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
      return { data: { date, time, weekday, timeZone }, summary: `${date} ${time}` }
    },
  }
}

function two(part: number): string {
  return String(part).padStart(2, '0')
}
