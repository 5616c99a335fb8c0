import type { ArgumentSpec } from '../flag-spec.ts';

export const unit: ArgumentSpec = {
  name: 'function',
  meaning: 'The function, as `<context>.<function>` or with the context of ./faas.yaml.',
  required: true,
};
export const maybeUnit: ArgumentSpec = { ...unit, required: false };
