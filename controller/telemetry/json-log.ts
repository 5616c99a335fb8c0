import { type Logger, pino } from 'pino';
import { errorFields } from './error-fields.ts';
import type { Log, LogFields } from './log.ts';
import { textLine } from './text-line.ts';

export interface LogOptions {
  readonly level: string;
  /** auto: text where the output is a terminal. */
  readonly format: string;
  readonly output: { write(text: string): unknown; readonly isTTY?: boolean };
  /** Colours on a terminal; NO_COLOR turns them off. */
  readonly colour: boolean;
}

/** What must never be seen, even where somebody logs a whole object by mistake. */
const hidden = ['token', 'secret', 'authorization', 'password'].flatMap(name => [name, `*.${name}`]);

/** One JSON object per line: time (RFC 3339), level, message, fields. Or short text for people, made from the same lines. */
export function createLog(options: LogOptions): Log {
  const asText = options.format === 'text' || (options.format === 'auto' && options.output.isTTY === true);
  const write = (line: string) => void options.output.write(asText ? textLine(line, options.colour) : line);
  const logger = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: errorFields, err: errorFields },
      redact: { paths: hidden, censor: '[hidden]' },
    },
    { write },
  );
  return logOf(logger);
}

function logOf(logger: Logger): Log {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}) =>
      writeSafely(logger, level, message, fields);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: fields => logOf(logger.child(fields)),
  };
}

/** A field that cannot be written (a throwing getter) costs the fields, never the line and never the caller. */
function writeSafely(logger: Logger, level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: LogFields): void {
  try {
    logger[level](fields, message);
  } catch {
    logger[level]({ fieldsLost: Object.keys(fields) }, message);
  }
}
