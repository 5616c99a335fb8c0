import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';

/** A program that tests need and a person's machine may not have. */
export interface NeededService {
  readonly name: string;
  /** All of these must be on the PATH. */
  readonly commands: readonly string[];
  readonly howToGet: string;
}

/** All of them together. */
export function allOf(...services: readonly NeededService[]): NeededService {
  return {
    name: services.map(({ name }) => name).join(' and '),
    commands: services.flatMap(({ commands }) => commands),
    howToGet: services.map(({ howToGet }) => howToGet).join('; '),
  };
}

/**
 * Tests that need a real server. Where it is missing they are skipped, counted, and said how to get; in continuous integration (CI=true) that is
 * a failure: nobody shall believe a proof that did not run.
 */
export function describeWith(service: NeededService, title: string, body: () => void): void {
  const missing = service.commands.filter(command => !isOnPath(command));
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const why = `${missing.join(', ')} not found: ${service.howToGet}`;
  if (process.env.CI === 'true') {
    test(`${title} on a real ${service.name}`, () => {
      throw new Error(why);
    });
    return;
  }
  process.stdout.write(`skipped: ${title}: ${why}\n`);
  describe.skip(`${title} (${why})`, body);
}

export function isOnPath(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some(folder => isExecutable(join(folder, command)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
