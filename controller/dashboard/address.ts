/** Every view has its own address. */
export type Address =
  | { readonly view: 'overview' | 'graph' | 'schedules' | 'webhooks' | 'login' | 'nowhere' }
  | { readonly view: 'function'; readonly context: string; readonly name: string };

export function addressOf(path: string): Address {
  const [, first = '', second, third, more] = path.split('/');
  if (first === 'functions' && second !== undefined && third !== undefined && more === undefined) {
    return { view: 'function', context: decode(second), name: decode(third) };
  }
  if (second !== undefined) return { view: 'nowhere' };
  if (first === '') return { view: 'overview' };
  return first === 'graph' || first === 'schedules' || first === 'webhooks' || first === 'login' ? { view: first } : { view: 'nowhere' };
}

export function functionPath(unit: string): string {
  const dot = unit.indexOf('.');
  return `/functions/${encodeURIComponent(unit.slice(0, dot))}/${encodeURIComponent(unit.slice(dot + 1))}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
