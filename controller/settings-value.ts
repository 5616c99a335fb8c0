import { parseDuration, parseSize, printDuration, printSize } from './manifest/units.ts';
import type { SettingRow } from './settings.ts';

export type SettingValue = string | number | boolean | readonly string[];

export type ParsedSetting = { readonly kind: 'ok'; readonly value: SettingValue } | { readonly kind: 'wrong'; readonly expected: string };

/** A value as a flag, a variable or a YAML file gives it: text, or what YAML makes of it. */
export function parseSetting(row: SettingRow, given: unknown): ParsedSetting {
  const value = valueOfType(row, given);
  if (value === undefined || !withinBounds(row, value)) return { kind: 'wrong', expected: expectedOf(row) };
  return { kind: 'ok', value };
}

/** As a person writes it. */
export function printSetting(row: SettingRow, value: SettingValue): string {
  if (row.type === 'duration') return printDuration(Number(value));
  if (row.type === 'size') return printSize(Number(value));
  return Array.isArray(value) ? value.join(',') : String(value);
}

function valueOfType(row: SettingRow, given: unknown): SettingValue | undefined {
  switch (row.type) {
    case 'text':
    case 'path':
      return typeof given === 'string' ? given : undefined;
    case 'boolean':
      return truths.get(String(given));
    case 'duration':
      return typeof given === 'string' ? parseDuration(given) : undefined;
    case 'size':
      return parseSize(String(given));
    case 'list':
      return listOf(given);
    case 'port':
    case 'number':
      return /^(0|[1-9][0-9]{0,14})$/.test(String(given)) ? Number(given) : undefined;
  }
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** `a,b` or a sequence of texts. */
function listOf(given: unknown): readonly string[] | undefined {
  const items: unknown = typeof given === 'string' ? given.split(',').map(item => item.trim()) : given;
  if (!Array.isArray(items)) return undefined;
  const texts = items.filter((item): item is string => typeof item === 'string' && item !== '');
  return texts.length === items.filter(item => item !== '').length ? texts : undefined;
}

function withinBounds(row: SettingRow, value: SettingValue): boolean {
  const { oneOf } = row;
  if (oneOf !== undefined)
    return Array.isArray(value) ? value.length > 0 && value.every(one => oneOf.includes(one)) : oneOf.includes(String(value));
  if (typeof value !== 'number') return true;
  return value >= (row.min ?? 0) && value <= (row.type === 'port' ? 65_535 : (row.max ?? Number.MAX_SAFE_INTEGER));
}

/** What would have been right, for a message: `a duration such as 30s, 1s or more`. */
function expectedOf(row: SettingRow): string {
  if (row.oneOf !== undefined) return `${row.type === 'list' ? 'some' : 'one'} of ${row.oneOf.join(', ')}`;
  const bounds = [
    ...(row.min === undefined ? [] : [`${printSetting(row, row.min)} or more`]),
    ...(row.max === undefined ? [] : [`${printSetting(row, row.max)} or less`]),
  ];
  return [kinds[row.type], ...bounds].join(', ');
}

const kinds: Readonly<Record<SettingRow['type'], string>> = {
  text: 'text',
  path: 'a path',
  port: 'a port from 0 to 65535',
  number: 'a whole number',
  boolean: 'true or false',
  duration: 'a duration such as 500ms, 30s, 5m, 6h or 7d',
  size: 'a size such as 512, 64Ki, 8Mi or 1Gi',
  list: 'a list of texts',
};
