import fc from 'fast-check';
import { expect, test } from 'vitest';
import { childTraceparent, isTraceparent } from '../../controller/telemetry/trace.ts';
import { seededRandom } from '../support/seeded-random.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';

test.each([
  [`00-${trace}-${span}-01`, true],
  [`00-${trace}-${span}-00`, true],
  [`00-${trace}-${span}-ff`, true],
  [`01-${trace}-${span}-01`, false],
  [`ff-${trace}-${span}-01`, false],
  [`00-${'0'.repeat(32)}-${span}-01`, false],
  [`00-${trace}-${'0'.repeat(16)}-01`, false],
  [`00-${trace.toUpperCase()}-${span}-01`, false],
  [`00-${trace}-${span}-01-extra`, false],
  [`00-${trace}-${span}`, false],
  [`00-${trace.slice(1)}-${span}-01`, false],
  [`00-${trace}-${span}-01\n`, false],
  ['', false],
])('W3C: %j is a traceparent: %s', (text, expected) => {
  expect(isTraceparent(text)).toBe(expected);
});

const hex = (length: number) => fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });

test('law: a child keeps the trace and the flags of a valid parent, and has a span of its own', () => {
  fc.assert(
    fc.property(hex(32), hex(16), hex(2), fc.integer(), (traceId, spanId, flags, seed) => {
      const parent = `00-${traceId}-${spanId}-${flags}`;
      fc.pre(isTraceparent(parent));
      const child = childTraceparent(parent, seededRandom(seed));
      expect(isTraceparent(child)).toBe(true);
      expect(child.slice(0, 36)).toBe(parent.slice(0, 36));
      expect(child.slice(53)).toBe(flags);
      expect(child.slice(36, 52)).not.toBe(spanId);
    }),
  );
});

test.each([undefined, '', 'nonsense', `ff-${trace}-${span}-01`])('without a valid parent (%j) a new sampled trace begins', parent => {
  const child = childTraceparent(parent, seededRandom(1));
  expect(isTraceparent(child)).toBe(true);
  expect(child).not.toContain(trace);
  expect(child.endsWith('-01')).toBe(true);
});
