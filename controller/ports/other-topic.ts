/** Whether two ids are known not to be of the same topic (laws T8 and S13): one that is not known may be any. */
export function areOtherTopics(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}
