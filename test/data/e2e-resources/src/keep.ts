import type { Context, FaasEvent } from 'faas';

interface Seen {
  readonly metadata: { readonly uid: string };
  readonly data: { readonly v: string };
}

interface Change {
  readonly event: string;
  readonly object: Seen;
  readonly old: Seen | null;
}

export default async function keep({ data, id }: FaasEvent<Change>, ctx: Context<{ log: string[] }>) {
  const state = (await ctx.state.get()) ?? { log: [] };
  const { event, object, old } = data;
  state.log.push([event, object.metadata.uid, object.data.v, old?.data.v ?? '-', id].join(' '));
  ctx.state.set(state);
}
