const megabyte = 1_000_000

/** What copies may take together, bytes: the choices. */
export const budgets: readonly number[] = [256, 512, 1000, 4000].map((size) => size * megabyte) // prettier-ignore

/** The choice nearest to a budget. */
export function nearestBudget(budget: number): number {
  return budgets.reduce((best, each) => Math.abs(each - budget) < Math.abs(best - budget) ? each : best) // prettier-ignore
}

/** The smallest choice that leaves `needed` bytes beside what is used; undefined where none does. */
export function budgetFor(used: number, needed: number): number | undefined {
  return budgets.find((each) => each >= used + needed)
}
