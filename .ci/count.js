// Prints `PASSED FAILED` of a Vitest JSON report. Runs on any Node, so it is plain JavaScript.
// Usage: node count.js REPORT EXIT_STATUS_OF_VITEST
import { existsSync, readFileSync } from 'node:fs';

const [file = '', exitStatus = '1'] = process.argv.slice(2);
const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { numPassedTests: 0, testResults: [] };

let failed = 0;
for (const { status, assertionResults } of report.testResults) {
  const failedHere = assertionResults.filter((test) => test.status === 'failed').length;
  // a file that could not even be loaded has no failed test in it, but it failed
  failed += failedHere === 0 && status === 'failed' ? 1 : failedHere;
}
// an error outside any test, or no report at all
if (exitStatus !== '0' && failed === 0) failed = 1;

console.log(`${report.numPassedTests} ${failed}`);
