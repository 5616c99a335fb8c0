import { type Static, type TProperties, Type } from '@sinclair/typebox';

/** The server over the API: what it is, how it is set, which secrets it needs, and how it and what it stands on are. Times are milliseconds since the epoch. */
const strict = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const optional = Type.Optional;
const text = Type.String();
const milliseconds = Type.Integer();
const natural = Type.Integer({ minimum: 0 });
const unit = Type.String({ description: '<context>.<function>' });
/** Any JSON value. */
const json = Type.Unsafe<unknown>({});

export const VersionAnswer = strict({
  name: Type.Literal('faas'),
  version: text,
  node: text,
  wireVersion: natural,
  startedAtMs: milliseconds,
  streams: Type.String({ description: 'The adapter behind the streams port.' }),
  state: Type.String({ description: 'The adapter behind the state port.' }),
});
export type VersionAnswer = Static<typeof VersionAnswer>;

export const DoctorAnswer = strict({
  /** The server's clock. */
  nowMs: milliseconds,
  checks: Type.Array(
    strict({
      part: text,
      status: Type.Union([Type.Literal('ok'), Type.Literal('warning'), Type.Literal('failed')]),
      said: text,
      hint: optional(text),
    }),
  ),
});
export type DoctorAnswer = Static<typeof DoctorAnswer>;

export const SettingsAnswer = strict({
  settings: Type.Array(
    strict({
      key: text,
      /** As held: milliseconds, bytes, text, a list. */
      value: json,
      /** As a person writes it, with units. */
      text,
      origin: Type.Union([Type.Literal('flag'), Type.Literal('env'), Type.Literal('file'), Type.Literal('default')]),
      flag: text,
      env: text,
      meaning: text,
    }),
  ),
});
export type SettingsAnswer = Static<typeof SettingsAnswer>;

/** Names only: no request ever answers a secret's value. */
export const SecretsAnswer = strict({
  secrets: Type.Array(
    strict({
      name: text,
      usedBy: Type.Array(unit),
      /** Where it was found; absent: it is missing. */
      source: optional(text),
      /** How many values are valid at the moment: 2 during a rotation. */
      values: natural,
      env: Type.String({ description: 'The variable in which the server looks first.' }),
    }),
  ),
});
export type SecretsAnswer = Static<typeof SecretsAnswer>;
