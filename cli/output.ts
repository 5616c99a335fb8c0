import { once } from 'node:events';

export { duration, number, podsText, size } from '../controller/api/figure-text.ts';

export type OutputFormat = 'table' | 'json' | 'yaml';
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Where a command writes: results to stdout, everything else to stderr, so that a pipe gets results only. */
export interface Output {
  readonly format: OutputFormat;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** stderr is a terminal that a line may be rewritten on. */
  readonly interactive: boolean;
  /** stdout is a terminal whose screen may be cleared. */
  readonly clearable: boolean;
  /** A line of the result. Resolves when the reader keeps up. */
  line(text: string): Promise<void>;
  /** One value: as JSON or YAML where that was asked for, else as `table` makes it. */
  result(value: unknown, table: () => string): Promise<void>;
  /** A line of progress on stderr; nothing with --quiet. */
  progress(text: string): void;
  /** As progress, but shown with --verbose only. */
  detail(text: string): void;
  /** Shown whatever --quiet says. */
  warning(text: string): void;
  /** Rewrites one line on a terminal, and is silent elsewhere; '' takes it away. */
  status(text: string): void;
  /** Colours text for stdout, where it takes colours. */
  paint(style: Style, text: string): string;
  /** The same for stderr. */
  paintError(style: Style, text: string): string;
}

export interface OutputOptions {
  readonly format: OutputFormat;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly noColor: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, env, quiet, verbose, format } = options;
  const colours = !options.noColor && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  const forced = !['', '0', 'false'].includes(env.FORCE_COLOR ?? '');
  const interactive = stderr.isTTY === true && (env.CI ?? '') === '' && env.TERM !== 'dumb';
  const painter = (stream: NodeJS.WriteStream) => (style: Style, text: string) => {
    const [open, close] = codes[style];
    return colours && (forced || stream.isTTY === true) ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  };
  let statusShown = false;
  const status = (text: string) => {
    if (!interactive || quiet || (text === '' && !statusShown)) return;
    stderr.write(`\r\u001b[2K${text}`);
    statusShown = text !== '';
  };
  const say = (text: string) => {
    status('');
    stderr.write(`${text}\n`);
  };
  const line = async (text: string) => {
    status('');
    if (!stdout.write(`${text}\n`)) await once(stdout, 'drain');
  };
  return {
    format,
    quiet,
    verbose,
    interactive,
    clearable: stdout.isTTY === true && (env.CI ?? '') === '' && env.TERM !== 'dumb',
    line,
    async result(value, table) {
      if (format === 'table') return line(table());
      return line(format === 'json' ? toJson(value) : await toYaml(value));
    },
    progress: text => void (quiet || say(text)),
    detail: text => void (verbose && !quiet && say(text)),
    warning: say,
    status,
    paint: painter(stdout),
    paintError: painter(stderr),
  };
}

// What a terminal would act upon: C0 and C1 controls, DEL, line separators, and the marks that turn the direction of text.
const hostile = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Names and messages come from elsewhere: what a terminal would act upon is shown as an escape instead. */
export function printable(text: string): string {
  return text.replace(hostile, character => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** As `printable`, but lines and tabs stay: for stacks and payloads. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map(line => line.split('\t').map(printable).join('\t'))
    .join('\n');
}

export function toJson(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2) ?? 'null';
  // JSON.stringify leaves some of them as they are; inside a JSON string an escape means the same.
  return text.replace(hostile, character =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

async function toYaml(value: unknown): Promise<string> {
  const { Document, visit } = await import('yaml');
  const document = new Document(JSON.parse(JSON.stringify(value ?? null)));
  visit(document, {
    Scalar(_, scalar) {
      // As a block of lines, white space at either end is not always read back.
      if (typeof scalar.value === 'string' && scalar.value !== scalar.value.trim()) scalar.type = 'QUOTE_DOUBLE';
    },
  });
  const text = document.toString({ lineWidth: 0 }).trimEnd();
  // yaml quotes a string with any of these, and within quotes the escape means the same.
  return text.replace(/[\u007f-\u009f]/g, character => `\\x${character.charCodeAt(0).toString(16)}`);
}

/** Columns in the manner of kubectl: capitals above, three spaces between, no lines. Cells are made printable, `styled` colours them after. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  styled?: (cell: string, column: number, row: number) => string,
): string {
  const cells = rows.map(row => row.map(cell => printable(cell)));
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map(row => widthOf(row[column] ?? ''))));
  const format = (row: readonly string[], rowIndex: number) =>
    row
      .map((cell, column) => {
        const padding = column === row.length - 1 ? '' : ' '.repeat((widths[column] ?? 0) - widthOf(cell) + 3);
        return `${rowIndex < 0 || styled === undefined ? cell : styled(cell, column, rowIndex)}${padding}`;
      })
      .join('');
  return [format(header, -1), ...cells.map(format)].join('\n');
}

/** Lines of `name: value`, values under each other. */
export function fields(pairs: readonly (readonly [name: string, value: string | undefined])[]): string {
  const known = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  const width = Math.max(...known.map(([name]) => name.length)) + 2;
  return known.map(([name, value]) => `${`${name}:`.padEnd(width)}${printable(value)}`).join('\n');
}

function widthOf(text: string): number {
  return [...text].length;
}
