import picocolors from 'picocolors';

/** A JSON log line as short text: `18:36:02.123 warn  message  unit=shop.totals pods=2`; the stack of an error below it. */
export function textLine(line: string, colour: boolean): string {
  const paint = picocolors.createColors(colour);
  const { time, level, message, ...fields }: Record<string, unknown> = JSON.parse(line);
  const { stack, pairs } = flatten(fields);
  const colours = { debug: paint.dim, info: paint.cyan, warn: paint.yellow, error: paint.red };
  const painted = isLevel(level) ? colours[level](level.padEnd(5)) : String(level).padEnd(5);
  const head = `${paint.dim(String(time).slice(11, 23))} ${painted} ${printable(String(message))}`;
  const facts = pairs.map(([name, value]) => `${paint.dim(`${name}=`)}${printable(value)}`).join(' ');
  const below = stack === undefined ? '' : `\n${paint.dim(stack.split('\n').map(printable).join('\n'))}`;
  return `${facts === '' ? head : `${head}  ${facts}`}${below}\n`;
}

function isLevel(level: unknown): level is 'debug' | 'info' | 'warn' | 'error' {
  return level === 'debug' || level === 'info' || level === 'warn' || level === 'error';
}

/** An error shows its code and message in the line; anything else that is nested shows as JSON. */
function flatten(fields: Record<string, unknown>): { stack: string | undefined; pairs: readonly [string, string][] } {
  let stack: string | undefined;
  const pairs = Object.entries(fields).map(([name, value]): [string, string] => {
    if (typeof value !== 'object' || value === null) return [name, String(value)];
    if ('message' in value && 'stack' in value) {
      stack = String(value.stack);
      return [name, String(value.message)];
    }
    return [name, JSON.stringify(value)];
  });
  return { stack, pairs };
}

/** Control characters of foreign text must not move somebody's cursor. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, unit => `\\x${unit.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
