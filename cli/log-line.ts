import type { HistoryItem } from '../controller/api/contract.ts';
import { printable, printableLines, type Style } from './output.ts';

type Paint = (style: Style, text: string) => string;

const levelStyles: Readonly<Record<string, Style>> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' };

/** `12:00:01.250  INFO   shop.totals  message  name=value`, further lines of a message or a stack below it. `verbose`: with ids and places. */
export function logLine(entry: HistoryItem, paint: Paint, verbose: boolean): string {
  const { level, message, fields, ...about } = entry.data;
  const shownLevel = typeof level === 'string' ? level : 'info';
  const { error, ...given } = typeof fields === 'object' && fields !== null ? { error: undefined, ...fields } : { error: undefined };
  const [first = '', ...further] = printableLines(String(message ?? '')).split('\n');
  const head = [
    paint('dim', new Date(entry.atMs).toISOString().slice(11, 23)),
    paint(levelStyles[shownLevel] ?? 'cyan', shownLevel.toUpperCase().padEnd(5)),
    entry.unit === '' ? 'server' : printable(entry.unit),
    first,
    ...pairs(verbose ? { ...given, ...about } : withoutPlace(given)).map(pair => paint('dim', pair)),
  ];
  if (error !== undefined) head.push(paint('red', errorText(error)));
  const below = [...further, ...(shownLevel === 'error' || verbose ? stackOf(error) : [])];
  return [head.join('  '), ...below.map(line => paint('dim', `    ${line.trim()}`))].join('\n');
}

/** Where a record lies is of interest to few. */
function withoutPlace(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { topic: _topic, partition: _partition, offset: _offset, ...rest } = fields;
  return rest;
}

function pairs(fields: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${printable(name)}=${printable(typeof value === 'string' ? value : JSON.stringify(value))}`);
}

function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return printable(JSON.stringify(error) ?? 'undefined');
  return printable(`${'name' in error ? String(error.name) : 'Error'}: ${String(error.message).split('\n')[0]}`);
}

function stackOf(error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null || !('stack' in error) || typeof error.stack !== 'string') return [];
  return printableLines(error.stack).split('\n').slice(1);
}
