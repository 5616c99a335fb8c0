import { LogMarks } from './log-marks.ts';

/** What is kept of one partition from tick to tick. */
export class PartitionRow {
  readonly name: string;
  readonly marks = new LogMarks();
  /** As it was read last. */
  frontier = 0;
  waitingEvents = 0;
  /** By the last minute, in events per second. */
  rateSlow = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** The partitions of one function as they were read last, in that order. Which they are changes seldom, so that they are found by their place. */
export class PartitionRows {
  #rows: readonly PartitionRow[] = [];

  get all(): readonly PartitionRow[] {
    return this.#rows;
  }

  /** Those of the samples, in their order; others are forgotten. */
  of(samples: readonly { readonly name: string }[]): readonly PartitionRow[] {
    const isSame = samples.length === this.#rows.length && samples.every(({ name }, index) => this.#rows[index]?.name === name);
    if (isSame) return this.#rows;
    const known = new Map(this.#rows.map(row => [row.name, row]));
    this.#rows = samples.map(({ name }) => {
      const row = known.get(name) ?? new PartitionRow(name);
      known.set(name, row);
      return row;
    });
    return this.#rows;
  }
}
