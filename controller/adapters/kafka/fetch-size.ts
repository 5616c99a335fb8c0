/** Asked of a broker at a time. One batch of it may be larger, and is answered whole. */
const bytesMax = 2 ** 20;
/** Of so many batches that fit, the one that is cut off at the end is worth no thought. */
const batchesEnough = 8;
/** Batches of a producer differ a little. */
const slack = 1 / 16;

/**
 * How much of a partition is asked for at a time, by what a batch took last time. A broker cuts its answer at that byte, and what it sends of a batch that is cut off was
 * in vain: of large batches that is up to half of it. So whole ones are asked for.
 */
export function askedBytes(batchBytes: number | undefined): number {
  if (batchBytes === undefined) return bytesMax;
  const batches = Math.floor(bytesMax / (batchBytes * (1 + slack)));
  return batches < 1 || batches >= batchesEnough ? bytesMax : Math.ceil(batches * batchBytes * (1 + slack));
}
