import { skillListSchema, type SkillInfo } from '#shared/protocol/agent.ts'
import { request } from '#web/client/api.ts'
import { Resource } from '#web/client/resource.svelte.ts'
import { language } from '#web/ui/i18n.svelte.ts'

/** What the agent knows how to do: read once, for names in chips and headings. */
class Skills {
  readonly list = new Resource<SkillInfo[]>(async (signal) => {
    const { skills } = await request(`/api/skills?language=${language.current}`, skillListSchema, {
      signal,
    })
    return skills
  })
  #wanted = false

  /** Those that can be used. */
  readonly usable = $derived((this.list.value ?? []).filter(({ problem }) => problem === undefined))

  /** Reads them, where they are not known. */
  want(): void {
    if (this.#wanted && this.list.state.status !== 'error') return
    this.#wanted = true
    void this.list.load()
  }

  title(id: string | undefined): string | undefined {
    return this.list.value?.find((skill) => skill.id === id)?.title
  }
}

export const skills = new Skills()
