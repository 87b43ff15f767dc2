/**
 * What the JSON report of vitest says: how many passed, and which files hold failures, with the first lines of each reason.
 * @param {{numPassedTests: number, numFailedTests: number, testResults: readonly object[]}} report
 */
export function readVitest(report) {
  const failures = report.testResults
    .filter(({ status }) => status === 'failed')
    .map(({ name, message, assertionResults }) => {
      const failed = assertionResults.filter((each) => each.status === 'failed')
      return {
        file: name,
        // A file that could not be loaded has no tests of its own to fail.
        count: Math.max(failed.length, 1),
        reasons: failed.length
          ? failed.map((each) => `${each.fullName}: ${head(each.failureMessages?.[0])}`)
          : [head(message)],
      }
    })
  return {
    passed: report.numPassedTests,
    failed: failures.reduce((sum, { count }) => sum + count, 0),
    failures,
  }
}

/**
 * The same of a report of Playwright; what passed at its second try counts as passed.
 * @param {{stats: {expected: number, flaky: number, unexpected: number}, errors?: readonly object[], suites?: readonly object[]}} report
 */
export function readPlaywright({ stats, errors = [], suites = [] }) {
  const specs = suites.flatMap(specsOf).filter(({ ok }) => !ok)
  const failures = specs.map(({ file, title, tests }) => ({
    file,
    count: 1,
    reasons: [`${title}: ${head(tests.at(-1)?.results.at(-1)?.error?.message)}`],
  }))
  return {
    passed: stats.expected + stats.flaky,
    failed: stats.unexpected + errors.length,
    failures: [
      ...failures,
      ...errors.map(({ message }) => ({ file: '', count: 1, reasons: [head(message)] })),
    ],
  }
}

function specsOf({ specs = [], suites = [] }) {
  return [...specs, ...suites.flatMap(specsOf)]
}

/** The beginning of a reason; a whole trace would hide the next one. */
function head(text = '') {
  return text.split('\n').slice(0, 6).join('\n      ').slice(0, 800)
}
