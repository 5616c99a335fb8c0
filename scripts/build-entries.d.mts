export function buildEntries(): Promise<void>;
