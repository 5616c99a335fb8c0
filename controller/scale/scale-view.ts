import type { ScaleInputs } from './decision.ts';
import type { PartitionFigures } from './observe.ts';

/** What a decision of now rests on, for those who ask. */
export interface ScaleView {
  inputs(unit: string): ScaleInputs | undefined;
  partitions(unit: string): readonly PartitionFigures[];
}
