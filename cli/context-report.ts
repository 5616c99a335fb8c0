import type { Output } from './output.ts';

interface ContextReport {
  readonly name: string;
  /** Not there for the server of the data folder. */
  readonly server?: string;
  /** The one that commands ask from now on. */
  readonly current: string;
}

/** What a change of the saved contexts has come to, where JSON or YAML was asked for: a person has read it as progress. */
export async function reportContext(out: Output, report: ContextReport): Promise<void> {
  if (out.format !== 'table') await out.result(report, () => '');
}
