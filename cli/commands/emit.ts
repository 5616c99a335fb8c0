import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { EmitAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { ApiClient } from '../api-client.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { type BadLine, sendLines } from '../event-sender.ts';
import { CommandFailure } from '../failure.ts';
import { type EmitEvent, type Line, parseLine, readLines } from '../ndjson.ts';
import { fields, type Output, printable } from '../output.ts';
import { readPayload } from '../payload.ts';
import { type QualifiedName, qualifiedName } from '../unit-name.ts';
import { UsageError } from '../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args } = invocation;
  const stream = await qualifiedName(args.required('stream'), invocation);
  const file = args.text('file');
  if (file === undefined) return emitOne(invocation, stream);
  if (args.argument('data') !== undefined) throw new UsageError('either one event as an argument, or --file');
  return emitMany(invocation, stream, file);
}

async function emitOne(invocation: Invocation, stream: QualifiedName): Promise<number> {
  const { args, out } = invocation;
  const [id, type] = [args.text('id'), args.text('type')];
  const event: EmitEvent = {
    key: args.text('key') ?? null,
    data: await readPayload(args.argument('data'), invocation),
    ...(id !== undefined && { id }),
    ...(type !== undefined && { type }),
    headers: headersOf(args.list('header')),
  };
  const client = await connect(invocation);
  const answer = await client.send<EmitAnswer>('POST', pathTo('events', { context: stream.context, stream: stream.name }), {
    events: [event],
  });
  const [stored] = answer.events;
  await out.result({ topic: answer.topic, ...stored }, () =>
    fields([
      ['Id', stored?.id],
      ['Topic', `${answer.topic}, partition ${stored?.partition}, offset ${stored?.offset}`],
    ]),
  );
  return 0;
}

function headersOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map(text => {
      const split = text.indexOf('=');
      if (split < 1) throw new UsageError(`--header: "${text}" is not name=value`);
      return [text.slice(0, split), text.slice(split + 1)];
    }),
  );
}

async function emitMany(invocation: Invocation, stream: QualifiedName, file: string): Promise<number> {
  const { args, out } = invocation;
  const keyFrom = args.text('key-from');
  if (keyFrom !== undefined && keyFrom !== '' && !keyFrom.startsWith('/'))
    throw new UsageError(`--key-from: "${keyFrom}" is not a JSON pointer`, 'Write /customer/id.');
  const strict = args.on('strict');
  const onBad = ({ line, reason }: BadLine) =>
    out.warning(`${out.paintError('yellow', 'bad:')} ${printable(file === '-' ? 'standard input' : file)}:${line} ${printable(reason)}`);
  if (strict && file !== '-' && (await countBad(linesOf(invocation, file), keyFrom, onBad)) > 0) {
    throw new CommandFailure('FAAS_EMIT_BAD_LINES', 'nothing was sent, because lines are bad', {
      hint: 'Mend them, or leave --strict away to send the others.',
    });
  }
  return send(await connect(invocation), stream, linesOf(invocation, file), { keyFrom, strict, onBad, out });
}

function linesOf({ stdin, cwd }: Invocation, file: string): AsyncIterable<Line> {
  return readLines(file === '-' ? stdin : readFileParts(resolve(cwd, file), file));
}

async function* readFileParts(path: string, shown: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path);
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new CommandFailure('FAAS_EMIT_FILE', `cannot read ${shown}: ${cause.message}`, { hint: 'Check the path after --file.', cause });
  }
}

async function countBad(lines: AsyncIterable<Line>, keyFrom: string | undefined, onBad: (bad: BadLine) => void): Promise<number> {
  let bad = 0;
  for await (const { number, text } of lines) {
    const parsed = parseLine(text, keyFrom);
    if (parsed.kind === 'event') continue;
    bad += 1;
    onBad({ line: number, reason: parsed.reason });
  }
  return bad;
}

interface SendManyOptions {
  readonly keyFrom: string | undefined;
  readonly strict: boolean;
  readonly onBad: (bad: BadLine) => void;
  readonly out: Output;
}

async function send(client: ApiClient, stream: QualifiedName, lines: AsyncIterable<Line>, options: SendManyOptions): Promise<number> {
  const { out } = options;
  const startedMs = performance.now();
  const rate = (sent: number) => `${Math.round((sent * 1_000) / (performance.now() - startedMs))}/s`;
  const result = await sendLines(lines, {
    client,
    stream,
    ...options,
    onProgress: sent => out.status(`${sent} events sent, ${rate(sent)}`),
  });
  out.status('');
  await out.result({ stream: stream.full, ...result }, () =>
    fields([
      ['Stream', stream.full],
      ['Sent', `${result.sent} events, ${rate(result.sent)}`],
      ['Bad', result.bad === 0 ? undefined : `${result.bad} lines`],
    ]),
  );
  if (result.bad === 0) return 0;
  const message = result.stopped ? 'stopped at a bad line' : `${result.bad} bad lines were left out`;
  throw new CommandFailure('FAAS_EMIT_BAD_LINES', message, {
    hint: `${result.sent} events are stored. Mend the lines named above and send those alone.`,
  });
}
