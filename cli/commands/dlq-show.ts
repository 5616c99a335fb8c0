import type { DeadLetterAnswer } from '../../controller/api/contract.ts';
import { pathTo } from '../../controller/api/paths.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { letterId } from '../letter-choice.ts';
import { fields, printableLines } from '../output.ts';
import { qualifiedName } from '../unit-name.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation;
  const target = await qualifiedName(args.required('function'), invocation);
  const id = letterId(args.required('id'));
  const client = await connect(invocation);
  const letter = await client.get<DeadLetterAnswer>(pathTo('deadLetter', { context: target.context, function: target.name, id }));
  await out.result(letter, () => describe(letter, title => out.paint('bold', title)));
  return 0;
}

function describe(letter: DeadLetterAnswer, title: (text: string) => string): string {
  const { error, origin } = letter;
  const overview = fields([
    ['Dead letter', letter.id],
    ['Event', letter.eventId],
    ['Key', letter.key ?? 'none'],
    ['At', new Date(letter.atMs).toISOString()],
    ['Reason', letter.reason],
    ['Error', `${error.name}: ${error.message.split('\n')[0] ?? ''} (${error.code})`],
    ['Attempts', String(letter.attempts)],
    ['Revision', letter.revision],
    ['From', `${origin.topic}, partition ${origin.partition}, offset ${origin.offset}`],
    ['State', letter.dropped ? 'dropped' : letter.replayed ? 'replayed' : 'open'],
  ]);
  const sections = [overview];
  if (error.stack !== undefined) sections.push(`${title('Stack')}\n${printableLines(error.stack)}`);
  if (letter.headers.length > 0)
    sections.push(`${title('Headers')}\n${fields(letter.headers.map(({ name, value }) => [name, value] as const))}`);
  sections.push(`${title('Payload')}\n${payload(letter)}`);
  return sections.join('\n\n');
}

function payload({ value, valueBase64 }: DeadLetterAnswer): string {
  if (value !== undefined) return printableLines(value);
  return valueBase64 === undefined ? 'none' : `not UTF-8, in base64: ${valueBase64}`;
}
