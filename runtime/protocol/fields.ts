import { FaasError } from '../sdk/errors.ts';
import type { FrameHeader } from './frame.ts';
import { hasOwn, isArray, isFiniteNumber, isSafeInteger } from './intrinsics.ts';

/** What the header itself says: never what somebody added to `Object.prototype`. */
export function own(header: FrameHeader, name: string): unknown {
  return hasOwn(header, name) ? header[name] : undefined;
}

/** Typed reading of a frame's header: each throws FAAS_WIRE with the field's name where the value has another type. */
export function textField(header: FrameHeader, name: string): string {
  const value = own(header, name);
  return typeof value === 'string' ? value : wrong(name, 'a string');
}

export function optionalText(header: FrameHeader, name: string): string | undefined {
  return own(header, name) === undefined ? undefined : textField(header, name);
}

export function integerField(header: FrameHeader, name: string): number {
  const value = own(header, name);
  return isSafeInteger(value) ? value : wrong(name, 'an integer');
}

export function numberField(header: FrameHeader, name: string): number {
  const value = own(header, name);
  return isFiniteNumber(value) ? value : wrong(name, 'a number');
}

export function optionalNumber(header: FrameHeader, name: string): number | undefined {
  return own(header, name) === undefined ? undefined : numberField(header, name);
}

/** The length of a raw piece; undefined where the field is missing. */
export function optionalLength(header: FrameHeader, name: string): number | undefined {
  const value = own(header, name);
  if (value === undefined) return undefined;
  return isSafeInteger(value) && value >= 0 ? value : wrong(name, 'a length');
}

export function flagField(header: FrameHeader, name: string): boolean {
  const value = own(header, name);
  if (value === undefined) return false;
  return typeof value === 'boolean' ? value : wrong(name, 'a boolean');
}

/** One of a closed list of texts. */
export function choiceField<const Choice extends string>(header: FrameHeader, name: string, choices: readonly Choice[]): Choice {
  const value = own(header, name);
  for (let i = 0; i < choices.length; i += 1) {
    const choice = choices[i];
    if (choice !== undefined && choice === value) return choice;
  }
  return wrong(name, `one of ${choices.join(', ')}`);
}

export function listField(header: FrameHeader, name: string): readonly unknown[] {
  const value = own(header, name);
  if (value === undefined) return [];
  return isArray(value) ? value : wrong(name, 'a list');
}

export function textListField(header: FrameHeader, name: string): readonly string[] {
  return listField(header, name).map(item => (typeof item === 'string' ? item : wrong(name, 'a list of strings')));
}

export function objectField(header: FrameHeader, name: string): FrameHeader {
  return asObject(own(header, name), name);
}

export function asObject(value: unknown, name: string): FrameHeader {
  return typeof value === 'object' && value !== null && !isArray(value) ? (value as FrameHeader) : wrong(name, 'an object');
}

export function wrong(name: string, expected: string): never {
  throw new FaasError('FAAS_WIRE', `the field "${name}" of a frame is not ${expected}`);
}
