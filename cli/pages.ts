/** Reads pages until `limit` entries are there (0: all of them). */
export async function readPages<Entry>(
  limit: number,
  read: (after: string | undefined, count: number) => Promise<{ readonly entries: readonly Entry[]; readonly next: string | undefined }>,
): Promise<{ readonly entries: readonly Entry[]; readonly more: boolean }> {
  const wanted = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  const entries: Entry[] = [];
  let after: string | undefined;
  do {
    const page = await read(after, Math.min(pageMax, wanted - entries.length));
    entries.push(...page.entries);
    after = page.next;
  } while (after !== undefined && entries.length < wanted);
  return { entries, more: after !== undefined };
}

const pageMax = 1_000;
