import { describe, expect, test } from 'vitest';
import { checkAgainst } from '../../controller/manifest/check-against.ts';
import { parseManifest } from '../../controller/manifest/parse-manifest.ts';

function specOf(text: string) {
  const parsed = parseManifest(`version: 1\n${text}`, { file: 'faas.yaml', env: {}, fileExists: () => true, readFile: () => undefined });
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.spec;
}

const sales = specOf(`context: sales
owner: team-sales
streams: { leads: { topic: leads }, deals: {}, scores: { internal: true } }
functions: { score: { handler: a.ts } }`);
const billing = specOf('context: billing');
const shop = (rest: string) => specOf(`context: shop\n${rest}`);
const reading = (stream: string) => shop(`functions: { f: { handler: f.ts, on: [{ stream: { streams: [${stream}] } }] } }`);
const emitting = (stream: string) => shop(`functions: { f: { handler: f.ts, emits: [${stream}] } }`);
const calling = (unit: string) => shop(`functions: { f: { handler: f.ts, calls: [${unit}] } }`);

describe('what a context says about others is compared with what they say themselves', () => {
  test.each([
    ['a public stream is read', reading('sales.leads')],
    ['a public stream is emitted to', emitting('sales.deals')],
    ['a function is called', calling('sales.score')],
    ['a function of its own', shop('functions: { f: { handler: f.ts, calls: [g] }, g: { handler: g.ts } }')],
    ['nothing foreign', shop('streams: { a: {} }')],
    ['its own older form', { ...sales, owner: 'others' }],
  ])('%s: fine', (_, spec) => expect(checkAgainst(spec, [sales, billing])).toEqual([]));

  test.each([
    [
      'an internal stream is read',
      reading('sales.scores'),
      'the stream "sales.scores" is internal to the context "sales" (owner: team-sales)',
      'Ask them for a public stream.',
    ],
    [
      'an internal stream is emitted to',
      emitting('sales.scores'),
      'the stream "sales.scores" is internal to the context "sales" (owner: team-sales)',
      'Ask them for a public stream.',
    ],
    [
      'a stream that is not there',
      reading('sales.lead'),
      'the context "sales" (owner: team-sales) has no stream "lead"',
      'Did you mean "leads"?',
    ],
    [
      'a stream that is near none',
      reading('sales.payments'),
      'the context "sales" (owner: team-sales) has no stream "payments"',
      'Its public streams: leads, deals.',
    ],
    [
      'a stream of a context without any',
      reading('billing.payments'),
      'the context "billing" has no stream "payments"',
      'It has no public stream.',
    ],
    [
      'a context that is not deployed',
      reading('sale.leads'),
      'the stream "sale.leads" belongs to the context "sale", which is not deployed',
      'Did you mean "sales"?',
    ],
    [
      'a context that is near none',
      calling('warehouse.pick'),
      'the function "warehouse.pick" belongs to the context "warehouse", which is not deployed',
      'Deploy "warehouse" first.',
    ],
    [
      'a function that is not there',
      calling('sales.scores'),
      'the context "sales" (owner: team-sales) has no function "scores"',
      'Did you mean "score"?',
    ],
  ])('%s', (_, spec, message, hint) => {
    expect(checkAgainst(spec, [sales, billing])).toEqual([{ code: 'FAAS_MANIFEST_FOREIGN', unit: 'shop.f', message, hint }]);
  });

  test('a topic has one owner', () => {
    expect(checkAgainst(shop('streams: { mine: { topic: leads } }'), [sales])).toEqual([
      {
        code: 'FAAS_MANIFEST_DUPLICATE',
        unit: undefined,
        message: 'the topic "leads" of the stream "mine" is that of the context "sales" (owner: team-sales)',
        hint: 'Read it as <context>.<stream>, or choose another topic.',
      },
    ]);
  });

  test('a stream that is read and emitted to is named once', () => {
    const spec = shop('functions: { f: { handler: f.ts, on: [{ stream: { streams: [sales.scores] } }], emits: [sales.scores] } }');
    expect(checkAgainst(spec, [sales])).toHaveLength(1);
  });
});
