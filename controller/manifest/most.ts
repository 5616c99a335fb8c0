/** The most that a manifest takes, by its key: also for who suggests what to write there. */
export const most = {
  'limits.timeout': '24h',
  'limits.memory': '64Gi',
  'limits.concurrency': 10_000,
  'scale.max': 10_000,
  'scale.maxAge': '30d',
  'batch.size': 10_000,
} as const;
