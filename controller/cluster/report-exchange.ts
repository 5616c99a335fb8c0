import type { ProcessReport, ReportMessage } from './messages.ts';
import { applied, differenceOf } from './report-difference.ts';

/**
 * Makes of the reports of this process what is sent: a difference to what the leader has said that it holds, the whole while that is not known. Each message has a
 * number of its own, to whichever leader it goes: no leader takes for the base of a difference what another one was told.
 */
export class ReportSender {
  #sequence = 0;
  /** What the leader holds; undefined from a message on until it is answered. */
  #held: { readonly sequence: number; readonly report: ProcessReport } | undefined;
  #sent: ProcessReport | undefined;

  next(report: ProcessReport): ReportMessage {
    const held = this.#held;
    this.#held = undefined;
    this.#sent = report;
    this.#sequence += 1;
    const difference = held && differenceOf(held.report, report);
    if (held === undefined || difference === undefined) return { kind: 'whole', sequence: this.#sequence, report };
    return { kind: 'difference', process: report.process, base: held.sequence, sequence: this.#sequence, difference };
  }

  /** `holds`: number of the message that the leader goes on from. Answers of messages before the last one say nothing. */
  answered(holds: number | undefined): void {
    if (holds !== this.#sequence || this.#sent === undefined) return;
    this.#held = { sequence: holds, report: this.#sent };
  }
}

/** Puts the reports of all processes together again, on the side of the leader. */
export class ReportKeeper {
  readonly #kept = new Map<string, { readonly sequence: number; readonly report: ProcessReport }>();

  /** Undefined: it does not follow what is kept, which stays as it is; the sender is to send the whole. */
  take(message: ReportMessage): ProcessReport | undefined {
    const report = this.#wholeOf(message);
    if (report === undefined) return undefined;
    if (message.sequence === undefined) this.#kept.delete(report.process);
    else this.#kept.set(report.process, { sequence: message.sequence, report });
    return report;
  }

  /** The process is gone. */
  forget(process: string): void {
    this.#kept.delete(process);
  }

  #wholeOf(message: ReportMessage): ProcessReport | undefined {
    if (message.kind === 'difference') {
      const kept = this.#kept.get(message.process);
      return kept?.sequence === message.base ? applied(kept.report, message.difference) : undefined;
    }
    const kept = this.#kept.get(message.report.process);
    // One that a later one has overtaken on its way.
    const isOld = kept !== undefined && message.sequence !== undefined && message.sequence <= kept.sequence;
    return isOld ? undefined : message.report;
  }
}
