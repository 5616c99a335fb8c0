export { type RunOptions, type RunReport, run, type TestEmit, type TestLog, type TestResult, type TestStart } from './run.ts';
export type { TestEvent } from './test-event.ts';
